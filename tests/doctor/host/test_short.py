"""The shortest form of the report."""

from __future__ import annotations

from mailhost.doctor.finding import Fault, failure, warning
from mailhost.doctor.host.local_facts import LocalFacts
from mailhost.doctor.host.short import findings_before_start, line_of, short_lines
from mailhost.doctor.host.sockets import ListeningSocket, Process
from tests.doctor.host.case import HostCase

FAULT = Fault("a-fault", "It matters.")
ONE = warning(FAULT, "a", "b", "Do c:", "d")
LINE = "doctor/a-fault: warning: a: b. Do c: d"


class ShortTests(HostCase):
    def test_one_line(self) -> None:
        self.assertEqual("warning: a: b. Do c: d", line_of(ONE))

    def test_failures_first_and_the_rest_as_a_number(self) -> None:
        bad = failure(FAULT, "x", "y", "Do z.")
        self.assertEqual([LINE], list(short_lines([ONE], "doctor")))
        self.assertEqual(
            ["doctor/a-fault: failure: x: y. Do z.", LINE, "and 1 more: `doctor` shows it"],
            list(short_lines([ONE, ONE, bad], "doctor")),
        )

    def test_before_the_start(self) -> None:
        self.assertEqual([], findings_before_start(self.load(), LocalFacts()))
        taken = ListeningSocket("0.0.0.0", 2525, (Process(9, "master"),))
        [finding] = findings_before_start(self.load(), LocalFacts(listening=(taken,)))
        self.assertEqual("doctor/port-taken", finding.name)
