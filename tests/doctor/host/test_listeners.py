"""Listeners: those that listen and are ours, and those that do not or are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.host.listeners import HostState, listeners_check, taken_ports
from mailhost.doctor.host.probe import ListenerPlace, NotReached
from mailhost.doctor.host.sockets import ListeningSocket, Process
from tests.doctor.host.case import HostCase, found_by
from tests.queue.fakes import here

UP = HostState(True, frozenset({10, 11}))
OURS = Process(10, "twistd")
POSTFIX = Process(99, "master")
SMTP = "220 mail.example.test ESMTP ready"
IMAP = "* OK mail.example.test IMAP ready"


class ListenersTests(HostCase):
    def setUp(self) -> None:
        super().setUp()
        self.state = UP
        self.sockets = [
            ListeningSocket("127.0.0.1", 2525, (OURS,)),
            ListeningSocket("127.0.0.1", 2993, (OURS, Process(11, "twistd"))),
        ]
        self.greetings: Mapping[int, str] = {2525: SMTP, 2993: IMAP}

    def greet(self, place: ListenerPlace) -> str:
        if place.port not in self.greetings:
            raise NotReached("Connection refused")
        return self.greetings[place.port]

    def found(self) -> Sequence[Finding]:
        settings = self.load().settings
        check = listeners_check(settings, self.sockets, here, lambda: self.state, self.greet)
        return found_by(check)

    def test_all_are_ours(self) -> None:
        [fine] = self.found()
        self.assert_fine([fine])
        self.assertEqual("smtp at 127.0.0.1:2525, imaps at 127.0.0.1:2993", fine.seen)

    def test_another_greeting_by_a_process_of_this_host(self) -> None:
        """Before a reload, or of a server behind a proxy."""
        self.greetings = {2525: "220 other.example ESMTP", 2993: IMAP}
        self.assert_fine(self.found())

    def test_a_host_that_does_not_run_is_one_finding(self) -> None:
        self.state, self.sockets, self.greetings = HostState(running=False), [], {}
        finding = self.only(self.found(), "host-not-running")
        self.assertIn(self.data, finding.seen)

    def test_a_port_of_another_program_is_why_it_does_not_run(self) -> None:
        self.state = HostState(running=False)
        self.sockets = [ListeningSocket("0.0.0.0", 2525, (POSTFIX,))]
        finding = self.only(self.found(), "port-taken")
        self.assertIn("no host runs, and master (process 99) listens for smtp at", finding.seen)
        self.assertEqual(("ss -ltnp 'sport = 2525'",), finding.copy)
        [before] = taken_ports(self.load().settings, self.sockets)
        self.assertEqual("doctor/port-taken", before.name)

    def test_each_program_that_has_a_port_is_named(self) -> None:
        self.state = HostState(running=False)
        dovecot = Process(98, "dovecot")
        self.sockets = [
            ListeningSocket("::", 2525, (POSTFIX,)),
            ListeningSocket("::", 2993, (dovecot,)),
        ]
        self.assertEqual(
            ["ports that master has", "ports that dovecot has"],
            [each.tried for each in self.found()],
        )

    def test_sockets_that_systemd_keeps_for_the_host(self) -> None:
        systemd = Process(1, "systemd")
        self.sockets = [
            ListeningSocket("127.0.0.1", port, (systemd, OURS)) for port in (2525, 2993)
        ]
        self.assert_fine(self.found())
        self.state = HostState(running=False)
        self.sockets = [ListeningSocket("127.0.0.1", 2525, (systemd,))]
        self.only(self.found(), "host-not-running")

    def test_two_ports_of_one_program_are_one_finding(self) -> None:
        self.sockets = [ListeningSocket("::", port, (POSTFIX,)) for port in (2525, 2993)]
        finding = self.only(self.found(), "port-taken")
        self.assertIn("smtp at 127.0.0.1:2525, imaps at 127.0.0.1:2993", finding.seen)

    def test_another_program_that_only_its_greeting_shows(self) -> None:
        self.sockets = []
        self.greetings = {2525: "220 mail.example.test.evil ESMTP Postfix", 2993: IMAP}
        self.assert_fine(self.found())
        self.greetings = {2525: "220 other.example ESMTP Postfix", 2993: IMAP}
        finding = self.only(self.found(), "port-taken")
        self.assertIn("greets with '220 other.example ESMTP Postfix'", finding.seen)

    def test_a_port_that_is_closed(self) -> None:
        self.greetings = {2993: IMAP}
        finding = self.only(self.found(), "listener-closed")
        self.assertEqual("smtp at 127.0.0.1:2525: Connection refused", finding.seen)

    def test_no_greeting(self) -> None:
        self.greetings = {2525: "", 2993: IMAP}
        self.only(self.found(), "listener-silent")

    def test_a_host_that_cannot_be_asked(self) -> None:
        self.state = HostState(True, trouble="the host did not answer")
        self.only(self.found(), "host-does-not-answer", Verdict.UNKNOWN)
        self.sockets, self.greetings = [], {}
        self.only(self.found(), "host-not-running")

    def test_a_user_who_may_not_ask_the_host(self) -> None:
        """The check of the data folder says so."""
        self.state = HostState(True, trouble="you may not use it", closed=True)
        self.assert_fine(self.found())
