"""The edits of a filter: every modification, their order and limits, and invalid ones."""

from __future__ import annotations

from dataclasses import replace

from mailhost.message.address import Address
from mailhost.milter.edits import (
    MOST_CHANGED_OCTETS,
    AddField,
    AddRecipient,
    ChangeField,
    ChangeSender,
    Edit,
    Edits,
    InsertField,
    RemoveRecipient,
    ReplaceBody,
)
from mailhost.milter.negotiation import OFFER, Actions
from mailhost.milter.session import MilterSession
from mailhost.milter.verdict import ACCEPT, GO_ON, REJECT
from tests.milter.talk import ALL_ANSWERED, ANN, BOB, CONTENT, SILENT, MilterCase

SPACES = "F: O|6|1ff|1f6080"
SENT = "C: L|Subject|hi\nC: L|To|bob\nC: D|N\nC: N\nC: B|Hello\\r\\n\nC: D|E\nC: E\n"


class EditsCase(MilterCase):
    def edits(self, *packets: str, terms: str = SILENT, last: str = "c") -> Edits:
        """Return the edits that follow from these packets."""
        self.setUp()
        self.envelope(terms)
        script_of_message = (
            SENT.replace("|hi", "| hi").replace("|bob", "| bob") if terms == SPACES else SENT
        )
        script = script_of_message + "".join(f"F: {packet}\n" for packet in (*packets, last))
        verdict, edits = self.successResultOf(self.play(self.client.message(CONTENT, {}), script))
        self.assertEqual({"c": GO_ON, "a": ACCEPT, "r": REJECT}[last], verdict)
        return edits

    def assert_edit(self, packet: str, *edits: Edit, terms: str = SILENT) -> None:
        with self.subTest(packet):
            self.assertEqual(Edits(edits), self.edits(packet, terms=terms))

    def assert_refused(self, packet: str, text: str) -> None:
        with self.subTest(packet):
            self.setUp()
            self.envelope(SILENT)
            done = self.play(self.client.message(CONTENT, {}), f"{SENT}F: {packet}")
            self.assert_failed(done, text)


class Each(EditsCase):
    def test_fields(self) -> None:
        self.assert_edit("h|X-A|b", AddField(b"X-A", b" b"))
        self.assert_edit("h|X-A|", AddField(b"X-A", b" "))
        self.assert_edit("i|0|X-A|b", InsertField(0, b"X-A", b" b"))
        self.assert_edit("i|7|X-A|b", InsertField(7, b"X-A", b" b"))
        self.assert_edit("m|2|Subject|new", ChangeField(2, b"Subject", b" new"))
        self.assert_edit("m|0|Subject|new", ChangeField(1, b"Subject", b" new"))
        self.assert_edit("m|1|Subject|", ChangeField(1, b"Subject", None))

    def test_the_leading_space_is_the_filters(self) -> None:
        self.assert_edit("h|X-A|b", AddField(b"X-A", b"b"), terms=SPACES)
        self.assert_edit("h|X-A| b", AddField(b"X-A", b" b"), terms=SPACES)
        self.assert_edit("h|X-A| b", AddField(b"X-A", b"  b"))
        self.assert_edit("m|1|Subject|", ChangeField(1, b"Subject", None), terms=SPACES)

    def test_folded_values(self) -> None:
        for value in (
            "a\\n\\tb",
            "a\\r\\n\\tb",
            "a\\nb",
            "a\\r\\n\\r\\n\\tb",
            "a\\n \\n\\tb\\n",
            "a\\rb",
        ):
            self.assert_edit(f"h|X-A|{value}", AddField(b"X-A", b" a\r\n\tb"))

    def test_bodies(self) -> None:
        for packet, octets in (
            ("b|new\\r\\n", b"new\r\n"),
            ("b|new", b"new\r\n"),
            ("b|a\\nb\\rc\\r\\n\\n", b"a\r\nb\r\nc\r\n\r\n"),
            ("b|\\xff\\x00\\r\\n", b"\xff\0\r\n"),
            ("b|", b""),
        ):
            self.assert_edit(packet, ReplaceBody(octets))

    def test_a_body_in_pieces(self) -> None:
        edits = self.edits("h|A|1", "b|one\\r", "h|B|2", "b|\\ntwo\\r\\n", "b|three\\r\\n")
        body = ReplaceBody(b"one\r\ntwo\r\nthree\r\n")
        self.assertEqual((AddField(b"A", b" 1"), body, AddField(b"B", b" 2")), edits.changes)

    def test_the_envelope(self) -> None:
        eve = Address("eve", "example.com")
        self.assert_edit("e|<eve@example.com>", ChangeSender(eve))
        self.assert_edit("e|eve@Example.com|SIZE=1", ChangeSender(eve, "SIZE=1"))
        self.assert_edit("e|<>", ChangeSender(None))
        self.assert_edit("e|", ChangeSender(None))
        self.assert_edit("+|<eve@example.com>", AddRecipient(eve))
        self.assert_edit("2|<eve@example.com>", AddRecipient(eve))
        self.assert_edit("2|<eve@example.com>|NOTIFY=NEVER", AddRecipient(eve, "NOTIFY=NEVER"))
        self.assert_edit("-|<eve@example.com>", RemoveRecipient(eve))
        self.assert_edit("-|<Postmaster>", RemoveRecipient(Address("Postmaster", "")))

    def test_quarantine(self) -> None:
        self.assertEqual(Edits((), "a virus"), self.edits("q|a virus"))
        self.assertEqual(Edits((), ""), self.edits("q|"))
        self.assertTrue(self.edits("q|"))

    def test_all_in_order_whatever_the_last_word(self) -> None:
        packets = ("-|<bob@example.net>", "h|A|1", "p", "q|why", "+|<ann@example.org>", "m|1|A|")
        changes = (
            RemoveRecipient(BOB),
            AddField(b"A", b" 1"),
            AddRecipient(ANN),
            ChangeField(1, b"A", None),
        )
        for last in "car":
            self.assertEqual(Edits(changes, "why"), self.edits(*packets, last=last))

    def test_they_are_one_messages(self) -> None:
        self.assertTrue(self.edits("h|A|1"))
        for work, sent in (
            (self.client.mail(None, [], {}), "C: D|M\nC: M|<>"),
            (self.client.recipient(BOB, [], {}), "C: D|R\nC: R|<bob@example.net>\nF: c"),
            (self.client.data({}), "C: D|T\nC: T"),
        ):
            self.successResultOf(self.play(work, sent))
        done = self.play(self.client.message(CONTENT, {}), f"{SENT}F: c")
        self.assertEqual((GO_ON, Edits()), self.successResultOf(done))


class Refused(EditsCase):
    def test_what_makes_no_sense(self) -> None:
        self.assert_refused("h|X A|b", "invalid field name")
        self.assert_refused("h||b", "invalid field name")
        self.assert_refused("i|0|X:A|b", "invalid field name")
        self.assert_refused("m|1|X\\nA|b", "invalid field name")
        self.assert_refused("+|nobody", "invalid address")
        self.assert_refused("+|<>", "invalid address")
        self.assert_refused("-|<a b@c>", "invalid address")
        self.assert_refused("e|<a@b@c>", "invalid address")
        self.assert_refused("h|X-A", "broken")
        self.assert_refused("?|x", "which is unknown")
        self.assert_refused("O|6|0|0", "which is unknown")
        for reply in ("y|250 2.0.0 fine", "y|nonsense", "y|", "y|550-a\\r\\n551 b", "y|5501 x"):
            self.assert_refused(reply, "sent an invalid reply")

    def test_too_much(self) -> None:
        self.session = MilterSession(OFFER, most_octets=1000)
        self.client._session = self.session
        self.envelope(SILENT)
        done = self.play(self.client.message(CONTENT, {}), SENT + "F: h|A|b\n" * 9)
        self.assertNoResult(done)
        self.lines("F: h|A|b")
        self.assert_failed(done, "changes too much")
        self.assertEqual(32 << 20, MOST_CHANGED_OCTETS)

    def test_before_the_end(self) -> None:
        for packet in ("h|A|b", "q|why", "b|x"):
            self.setUp()
            self.envelope(ALL_ANSWERED)
            script = f"C: L|Subject|hi\nF: {packet}"
            done = self.play(self.client.message(CONTENT, {}), script)
            self.assert_failed(done, "before its end")


class NotOffered(EditsCase):
    offer = replace(OFFER, actions=Actions.ADD_FIELDS)

    def test_what_was_not_offered(self) -> None:
        terms = "F: O|6|1|f6080"
        self.assertEqual(
            (AddField(b"A", b" b"), InsertField(0, b"A", b" b")),
            self.edits("h|A|b", "i|0|A|b", terms=terms).changes,
        )
        for packet in ("m|1|A|b", "b|x", "+|<a@b.example>", "-|<a@b.example>", "e|<>", "q|why"):
            with self.subTest(packet):
                self.setUp()
                self.envelope(terms)
                done = self.play(self.client.message(CONTENT, {}), f"{SENT}F: {packet}")
                self.assert_failed(done, "may not do this")
