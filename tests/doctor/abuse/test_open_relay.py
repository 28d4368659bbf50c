"""Relaying is tried by MAIL and RCPT with the usual tricks."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.abuse.open_relay import OPEN_RELAY, RELAY_UNDECIDED, open_relay_check
from mailhost.doctor.abuse.tricks import Names, tricks
from mailhost.doctor.finding import Finding, Verdict
from tests.doctor.abuse.fake_server import Answer, FakeServer
from tests.doctor.running import findings_of

NAMES = Names("here.net", "192.0.2.25", "doctor", "far.org", "sue@near.org", "nobody-17")
PLAIN = "RCPT TO:<doctor@far.org>"


def closed(command: str) -> str:
    """A server that is right: it knows bob@here.net, and no other domain."""
    if command.startswith("MAIL"):
        return "250 sender ok"
    mailbox = re.fullmatch(r'RCPT TO:<("[^"]*"|[^"@]*)@here\.net>', command)
    if mailbox and mailbox[1] == "bob":
        return "250 recipient ok"
    return "550 5.1.1 no such user" if mailbox else "550 5.7.1 relaying denied"


def relays(*tricks: str) -> Answer:
    """A server that is right but for these recipients."""
    wrong = {f"RCPT TO:{each}" for each in tricks}
    return lambda command: "250 ok" if command in wrong else closed(command)


class RelayCase(SynchronousTestCase):
    def finding(self, answer: Answer, own_names: bool = False) -> Finding:
        self.server = FakeServer(answer)
        check = open_relay_check(self.server.open, NAMES, "there", own_names=own_names)
        (finding,) = findings_of(check)
        return finding


class OpenRelayTests(RelayCase):
    def test_a_server_that_is_right(self) -> None:
        finding = self.finding(closed)
        self.assertEqual(finding.verdict, Verdict.OK)
        self.assertIn("all 19 tries were refused", finding.seen)
        self.assertEqual(self.server.of("DATA"), [])

    def test_each_way_to_relay_is_found(self) -> None:
        for trick in tricks(NAMES):
            finding = self.finding(relays(trick.recipient))
            self.assertEqual((finding.verdict, finding.fault), (Verdict.FAILURE, OPEN_RELAY), trick)
            self.assertIn(trick.recipient, finding.seen)

    def test_a_sender_that_is_believed(self) -> None:
        sender = ""

        def answer(command: str) -> str:
            nonlocal sender
            if command.startswith("MAIL"):
                sender = command
            believed = sender == "MAIL FROM:<postmaster@here.net>"
            return "250 ok" if believed and command == PLAIN else closed(command)

        finding = self.finding(answer)
        self.assertEqual(finding.fault, OPEN_RELAY)
        self.assertIn("MAIL FROM:<postmaster@here.net>", finding.seen)

    def test_every_transaction_is_reset(self) -> None:
        self.finding(closed)
        self.assertEqual(len(self.server.of("RSET")), len(self.server.of("RCPT")))

    def test_few_errors_on_each_connection(self) -> None:
        self.finding(closed)
        self.assertGreaterEqual(self.server.opened, 3)


class DoubtTests(RelayCase):
    def test_a_server_that_takes_any_name(self) -> None:
        def answer(command: str) -> str:
            return "250 ok" if command.endswith("@here.net>") else closed(command)

        finding = self.finding(answer)
        self.assertEqual((finding.verdict, finding.fault), (Verdict.UNKNOWN, RELAY_UNDECIDED))
        self.assertEqual(self.finding(answer, own_names=True).verdict, Verdict.OK)

    def test_a_server_that_takes_any_name_and_relays(self) -> None:
        finding = self.finding(lambda command: "250 ok")
        self.assertEqual(finding.fault, OPEN_RELAY)
        self.assertIn(PLAIN, finding.seen)

    def test_greylisting(self) -> None:
        def answer(command: str) -> str:
            return "450 4.2.0 greylisted" if command.startswith("RCPT") else closed(command)

        finding = self.finding(answer)
        self.assertEqual((finding.verdict, finding.fault), (Verdict.UNKNOWN, RELAY_UNDECIDED))
        self.assertIn("in ten minutes", finding.remedy)

    def test_a_server_that_refuses_everything(self) -> None:
        def answer(command: str) -> str:
            return "553 5.7.1 you are on a blocklist" if command.startswith("MAIL") else "250 ok"

        finding = self.finding(answer)
        self.assertEqual((finding.verdict, finding.fault), (Verdict.UNKNOWN, RELAY_UNDECIDED))
        self.assertIn("refuses all recipients alike", finding.seen)
        self.assertEqual(self.finding(answer, own_names=True).verdict, Verdict.OK)
        finding = self.finding(lambda command: "550 relay not permitted")
        self.assertEqual(finding.verdict, Verdict.OK)

    def test_a_server_that_hangs_up_after_few_errors(self) -> None:
        errors = 0

        def answer(command: str) -> str:
            nonlocal errors
            reply = closed(command)
            errors += reply.startswith("5")
            if errors < 3:
                return reply
            errors = 0
            return "421 4.7.0 too many errors"

        self.assertEqual(self.finding(answer).verdict, Verdict.OK)

    def test_a_server_that_hangs_up(self) -> None:
        def answer(command: str) -> str:
            return "" if command.startswith("RCPT TO:<@") else closed(command)

        self.assertEqual(self.finding(answer).verdict, Verdict.OK)

    def test_a_server_that_cannot_be_reached(self) -> None:
        for greeting in ("", "554 5.7.1 go away"):
            server = FakeServer(closed)
            server.greeting = greeting
            self.assertEqual(findings_of(open_relay_check(server.open, NAMES, "there")), [])

    def test_words_of_the_server_are_shown(self) -> None:
        finding = self.finding(relays("<doctor%far.org@here.net>"))
        self.assertIn("RCPT TO:<doctor%far.org@here.net> was answered 250 2.0.0 ok", finding.seen)
