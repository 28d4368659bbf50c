"""The content of a message: the packets that a filter gets, and its answers to them."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from mailhost.message.content import Content
from mailhost.milter.edits import Edits
from mailhost.milter.verdict import (
    ACCEPT,
    DISCARD,
    GO_ON,
    REJECT,
    SHUTDOWN,
    SKIP,
    TEMPFAIL,
    MilterVerdict,
)
from tests.milter.talk import ALL_ANSWERED, BOB, CONTENT, SILENT, MilterCase

HEADER = """
    C: L|Subject|hi
    F: c
    C: L|To|bob
    F: c
    C: D|N
    C: N
    F: c
"""
BODY = """
    C: B|Hello\\r\\n
    F: c
"""
END = """
    C: D|E
    C: E
"""


class MessageCase(MilterCase):
    def message(
        self, script: str, content: Content = CONTENT
    ) -> Deferred[tuple[MilterVerdict, Edits]]:
        return self.play(self.client.message(content, {}), script)

    def assert_verdict(
        self, verdict: MilterVerdict, done: Deferred[tuple[MilterVerdict, Edits]]
    ) -> None:
        found, edits = self.successResultOf(done)
        self.assertEqual(verdict, found)
        self.assertEqual(Edits(), edits)


class Answers(MessageCase):
    def test_each_at_each_part(self) -> None:
        field, fields, *_ = HEADER.split("F: c")
        for before in (field, f"{field}F: c{fields}", HEADER.strip().removesuffix("F: c"), HEADER):
            before = before + BODY.strip().removesuffix("F: c") if before == HEADER else before
            for answer, verdict in (
                ("a", ACCEPT),
                ("r", REJECT),
                ("t", TEMPFAIL),
                ("d", DISCARD),
                ("4", SHUTDOWN),
            ):
                with self.subTest(before + answer):
                    self.setUp()
                    self.envelope()
                    self.assert_verdict(verdict, self.message(f"{before}\nF: {answer}"))

    def test_each_at_the_end(self) -> None:
        for answer, verdict in (
            ("c", GO_ON),
            ("a", ACCEPT),
            ("r", REJECT),
            ("t", TEMPFAIL),
            ("d", DISCARD),
            ("s", SKIP),
            ("f", SHUTDOWN),
        ):
            with self.subTest(answer):
                self.setUp()
                self.envelope()
                script = f"{HEADER}{BODY}{END}F: p\nF: {answer}"
                self.assert_verdict(verdict, self.message(script))

    def test_after_a_refusal_the_next_message_goes_as_ever(self) -> None:
        self.envelope()
        self.assert_verdict(REJECT, self.message("C: L|Subject|hi\nF: r"))
        self.client.abort()
        mail = self.play(self.client.mail(None, [], {}), "C: D|M\nC: M|<>\nF: c")
        self.assertEqual(GO_ON, self.successResultOf(mail))

    def test_enough_fields(self) -> None:
        self.envelope()
        script = "C: L|Subject|hi\nF: s\nC: D|N\nC: N\nF: c"
        self.assert_verdict(GO_ON, self.message(script + BODY + END + "F: c"))

    def test_enough_of_the_body(self) -> None:
        self.envelope()
        body = f"C: B|{'x' * 65535}\nF: s\n"
        content = Content((b"Subject: hi\r\n\r\n" + b"x" * 200_000,))
        script = "C: L|Subject|hi\nF: c\nC: D|N\nC: N\nF: c\n" + body + END + "F: c"
        self.assert_verdict(GO_ON, self.message(script, content))

    def test_two_messages_over_one_connection(self) -> None:
        self.envelope(SILENT)
        script = "C: L|Subject|hi\nC: L|To|bob\nC: D|N\nC: N\nC: B|Hello\\r\\n" + END
        self.assert_verdict(GO_ON, self.message(script + "F: c"))
        for work, sent in (
            (self.client.mail(None, [], {}), "C: D|M\nC: M|<>"),
            (self.client.recipient(BOB, [], {}), "C: D|R\nC: R|<bob@example.net>\nF: c"),
            (self.client.data({}), "C: D|T\nC: T"),
        ):
            self.successResultOf(self.play(work, sent))
        self.assert_verdict(ACCEPT, self.message(script + "F: a"))


class Pace(MessageCase):
    def test_the_body_goes_at_the_filters_pace(self) -> None:
        self.envelope(SILENT)
        self.client.pauseProducing()
        script = "C: L|Subject|hi\n= writable\nC: L|To|bob\nC: D|N\nC: N\nC: B|Hello\\r\\n"
        done = self.message(script + END)
        self.assertNoResult(done)
        self.lines("= full\nF: c")
        self.assertNoResult(done)
        self.lines("= writable")
        self.assert_verdict(GO_ON, done)

    def test_every_field_waits_for_its_answer(self) -> None:
        self.envelope(ALL_ANSWERED)
        done = self.message("C: L|Subject|hi\n= wait 299\nF: c\nC: L|To|bob\n= wait 299")
        self.assertNoResult(done)
