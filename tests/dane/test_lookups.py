"""Which TLSA records count, by what DNS authenticates (RFC 7672 §2.2)."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailhost.dane.lookups import TLSAAnswer, find_tlsa
from mailhost.interfaces.dns import Found, Question, Reply, TLSARecord

HOST = "mx.example.org"
NAME = f"_25._tcp.{HOST}"
RECORD = TLSARecord(3, 1, 1, bytes(32))
OTHER = TLSARecord(3, 1, 1, bytes(31) + b"1")
FAILED: Reply[Any] = Reply(Found.FAILED, trouble="SERVFAIL")
MISSING: Reply[Any] = Reply(Found.NO_DOMAIN)
NONE: Reply[Any] = Reply(Found.NO_RECORDS, secure=True)


def found(*records: Any, secure: bool = True, canonical: str = "") -> Reply[Any]:
    """A reply with records."""
    return Reply(Found.RECORDS, records, secure, canonical=canonical)


class FindingTLSA(SynchronousTestCase):
    """`replies` by type and name; all other names do not exist."""

    def setUp(self) -> None:
        self.replies: dict[tuple[str, str], Reply[Any]] = {
            ("A", HOST): found("192.0.2.1"),
            ("AAAA", HOST): NONE,
            ("TLSA", NAME): found(RECORD),
        }
        self.asked: list[str] = []

    def answer(self, port: int = 25) -> TLSAAnswer | None:
        machine = find_tlsa(HOST, port)
        try:
            question: Question[Any] = next(machine)
            while True:
                self.asked.append(f"{question.kind} {question.name}")
                key = question.kind, question.name
                question = machine.send(self.replies.get(key, Reply(Found.NO_DOMAIN)))
        except StopIteration as end:
            result: TLSAAnswer | None = end.value
            return result

    def test_all_of_it_is_authenticated(self) -> None:
        self.assertEqual(TLSAAnswer(HOST, (RECORD,)), self.answer())

    def test_another_port(self) -> None:
        self.replies["TLSA", f"_2525._tcp.{HOST}"] = found(OTHER)
        self.assertEqual(TLSAAnswer(HOST, (OTHER,)), self.answer(2525))

    def test_addresses_that_are_not_authenticated(self) -> None:
        """Some servers of such zones answer nothing about TLSA, so that they must not be asked."""
        self.replies["A", HOST] = found("192.0.2.1", secure=False)
        self.assertIsNone(self.answer())
        self.assertNotIn(f"TLSA {NAME}", self.asked)

    def test_one_family_that_is_not_authenticated(self) -> None:
        self.replies["AAAA", HOST] = found("2001:db8::1", secure=False)
        self.assertIsNone(self.answer())

    def test_a_host_without_addresses(self) -> None:
        del self.replies["A", HOST]
        self.assertIsNone(self.answer())

    def test_addresses_that_cannot_be_looked_up(self) -> None:
        """The addresses that mail is sent to may be known from before; an attacker who keeps the
        answers away must not switch DANE off by it."""
        for replies in ((FAILED, FAILED), (FAILED, NONE), (NONE, FAILED)):
            self.replies["A", HOST], self.replies["AAAA", HOST] = replies
            answer = self.answer()
            assert answer is not None
            self.assertEqual(f"DNS gives no answer about {HOST}: SERVFAIL", answer.trouble)

    def test_records_that_are_not_authenticated(self) -> None:
        self.replies["TLSA", NAME] = found(RECORD, secure=False)
        self.assertIsNone(self.answer())

    def test_no_records(self) -> None:
        for reply in (NONE, MISSING):
            self.replies["TLSA", NAME] = reply
            self.assertIsNone(self.answer())

    def test_a_bogus_answer(self) -> None:
        self.replies["TLSA", NAME] = FAILED
        answer = self.answer()
        assert answer is not None
        self.assertEqual(f"DNS gives no answer about {NAME}: SERVFAIL", answer.trouble)

    def test_an_alias_that_is_authenticated_to_its_end(self) -> None:
        """The name at the end comes first, then the host's own (RFC 7672 §2.2.2)."""
        self.replies["A", HOST] = found("192.0.2.1", canonical="real.example.net")
        self.assertEqual(TLSAAnswer(HOST, (RECORD,)), self.answer())
        self.replies["TLSA", "_25._tcp.real.example.net"] = found(OTHER)
        self.assertEqual(TLSAAnswer("real.example.net", (OTHER,)), self.answer())
        self.replies["TLSA", "_25._tcp.real.example.net"] = FAILED
        answer = self.answer()
        assert answer is not None
        self.assertIn("_25._tcp.real.example.net", answer.trouble)

    def test_an_alias_into_a_zone_without_dnssec(self) -> None:
        self.replies["A", HOST] = found("192.0.2.1", secure=False, canonical="real.example.net")
        self.assertIsNone(self.answer())
        self.replies["CNAME", HOST] = found("real.example.net", secure=False)
        self.assertIsNone(self.answer())
        self.replies["CNAME", HOST] = found("real.example.net")
        self.assertEqual(TLSAAnswer(HOST, (RECORD,)), self.answer())
        self.replies["CNAME", HOST] = FAILED
        answer = self.answer()
        assert answer is not None
        self.assertIn("SERVFAIL", answer.trouble)
