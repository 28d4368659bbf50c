"""Senders and authors of submitted messages."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mailhost.message.status import Status
from mailhost.reception.submission import author_refusal
from tests.reception.context import ANN, UNKNOWN_CLIENT, ReceptionCase


class SenderTests(ReceptionCase):
    def test_addresses_that_lead_to_the_account(self) -> None:
        for sender in (
            "ann@a.example",
            "Ann+tag@also.example",
            "team@a.example",
            "anybody@b.example",
            "",
        ):
            self.begin(ANN, sender)

    def test_addresses_of_others(self) -> None:
        for sender in (
            "bob@a.example",
            "sales@a.example",
            "nobody@a.example",
            "kit@b.example",
            "ann@far.example",
        ):
            refusal = self.mail(ANN, sender)
            assert isinstance(refusal, Status)
            self.assertEqual((refusal.code, refusal.enhanced), (553, "5.7.1"))
            self.assertIn(f"<{sender}>", refusal.text)

    def test_clients_without_a_login_may_use_any_sender(self) -> None:
        self.begin(UNKNOWN_CLIENT, "ann@a.example")


class AuthorTests(ReceptionCase):
    def answer(self, *from_fields: str) -> tuple[int, str]:
        header = "".join(f"{field}\r\n" for field in from_fields)
        content = f"Subject: x\r\n{header}\r\nFrom: eve@far.example\r\n".encode()
        (status,) = self.send(content, client=ANN, sender="ann@a.example")
        return status.code, status.enhanced

    def test_authors_that_lead_to_the_account(self) -> None:
        for field in (
            "From: ann@a.example",
            "FROM: Ann <ANN@A.Example>",
            "From:\r\n Ann\r\n\t<ann+x@also.example>",
            'From: "bob@a.example" <ann@a.example>',
            "From: =?utf-8?q?bob=40a=2Eexample?= <ann@a.example>",
            "From: Ännchen <ann@a.example>",
            "From: ann@a.example, team@a.example",
            "From: Us: ann@a.example, team@a.example;",
            "From: any@b.example",
        ):
            self.assertEqual(self.answer(field), (250, "2.0.0"), field)

    def test_other_authors(self) -> None:
        for field in (
            "From: bob@a.example",
            "from : Ann <bob@a.example>",
            "From:\r\n bob@a.example",
            'From: "ann@a.example" <bob@a.example>',
            "From: =?utf-8?q?ann=40a=2Eexample?= <bob@a.example>",
            "From: ann@a.example, bob@a.example",
            "From: Us: ann@a.example, bob@a.example;",
            "From: jörg@a.example",
            "From: ann@far.example",
            "From: ann@xn--exmple-cua.com",
        ):
            self.assertEqual(self.answer(field), (554, "5.7.1"), field)

    def test_fields_that_cannot_be_read(self) -> None:
        for field in (
            "From:",
            "From: Ann",
            "From: undisclosed:;",
            "From: ann@a.example bob@a.example",
            "From: ann@a.example <bob@a.example",
            "From: " + "(" * 5000,
        ):
            self.assertEqual(self.answer(field), (554, "5.6.0"), field)

    def test_every_from_field_counts(self) -> None:
        twice = ("From: ann@a.example", "From: bob@a.example")
        self.assertEqual(self.answer(*twice), (554, "5.7.1"))
        self.assertEqual(self.answer(*reversed(twice)), (554, "5.7.1"))

    def test_too_many_authors(self) -> None:
        several = [f"ann+{number}@a.example" for number in range(51)]
        self.assertEqual(self.answer(f"From: {', '.join(several[1:])}"), (250, "2.0.0"))
        for lines in (
            [f"From: {', '.join(several)}"],
            [f"From: {each}" for each in several],
            [f"From: {'(' * 10_000}{')' * 10_000}ann@a.example"],
        ):
            self.assertEqual(self.answer(*lines), (554, "5.6.0"), lines[0][:60])
        self.assertEqual(self.answer(*["From: ann@a.example"] * 60), (250, "2.0.0"))

    def test_a_refused_message_is_not_handed_over(self) -> None:
        self.answer("From: bob@a.example")
        self.assertEqual((self.handover.taken, self.events.told), ([], []))

    def test_a_missing_from_is_added(self) -> None:
        self.assertEqual(self.answer(), (250, "2.0.0"))
        _, content, _ = self.handover.taken[0]
        self.assertIn(b"\r\nFrom: <ann@a.example>\r\n", content.partition(b"\r\n\r\n")[0])

    @settings(deadline=None)
    @given(st.binary(max_size=80))
    def test_any_bytes_are_judged(self, value: bytes) -> None:
        author_refusal(b"From:" + value + b"\r\n", lambda author: False)
