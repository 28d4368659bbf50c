"""What other hosts report about TLS with this one."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.other_hosts.tls_failures import DAY, DAYS, tls_failures_check
from mailhost.interfaces.tls_sessions import AppliedPolicy, PolicyType
from mailhost.tls_reports.received import ReceivedReport
from mailhost.tls_reports.report import FailureDetail, PolicyResult, TLSReport
from tests.doctor.host.case import found_by, settings_of
from tests.queue.fakes import here

NOW = 1_800_000_000.0
WANTED = settings_of(tls_reports={"addresses": {"blue.net": "tls@blue.net"}})


def report(
    successes: int, *details: FailureDetail, domain: str = "blue.net", by: str = "far.example"
) -> ReceivedReport:
    policy = AppliedPolicy(PolicyType.STS, domain)
    failures = sum(each.count for each in details)
    result = PolicyResult(policy, successes, failures, details)
    about = TLSReport(domain, "Far", "", "1", int(NOW - DAY), int(NOW), (result,))
    return ReceivedReport(by, about)


class TLSFailuresTests(SynchronousTestCase):
    def found(self, *reports: ReceivedReport) -> list[Finding]:
        self.since: list[float] = []

        def read(since: float) -> Sequence[ReceivedReport]:
            self.since.append(since)
            return reports

        return [*found_by(tls_failures_check(WANTED, here, lambda: NOW, read))]

    def test_failures(self) -> None:
        expired = FailureDetail("certificate-expired", 5)
        odd = FailureDetail("\x1b[2J", 1)
        (found,) = self.found(report(90, expired), report(4, odd, by="other.example"))
        self.assertEqual([NOW - DAYS * DAY], self.since)
        self.assertEqual(
            ("doctor/tls-failures-reported", Verdict.WARNING), (found.name, found.verdict)
        )
        self.assertEqual(
            "6 of 100 sessions of the last 7 days failed: certificate-expired (5), \x1b[2J (1); "
            "reported by far.example, other.example",
            found.seen,
        )
        self.assertTrue(
            found.remedy.startswith("Renew the certificate; `mailhost doctor blue.net`")
        )
        self.assertEqual(("mailhost tls-report blue.net",), found.copy)

    def test_a_few_failures_are_usual(self) -> None:
        few = report(999, FailureDetail("starttls-not-supported", 1))
        (found,) = self.found(few)
        self.assertEqual(Verdict.OK, found.verdict)
        self.assertIn("1 of 1000 sessions", found.seen)

    def test_each_domain(self) -> None:
        bad = report(0, FailureDetail("certificate-not-trusted", 1), domain="red.net")
        found = self.found(report(10), bad)
        self.assertEqual([Verdict.WARNING, Verdict.OK], [each.verdict for each in found])
        self.assertEqual([], self.found())

    def test_nothing_is_read_where_no_reports_are_wanted(self) -> None:
        def read(since: float) -> Sequence[ReceivedReport]:
            raise AssertionError

        check = tls_failures_check(settings_of(), here, lambda: NOW, read)
        self.assertEqual([], [*found_by(check)])

    def test_a_database_that_cannot_be_read(self) -> None:
        def read(since: float) -> Sequence[ReceivedReport]:
            raise sqlite3.DatabaseError("damaged")

        check = tls_failures_check(WANTED, here, lambda: NOW, read)
        self.assertEqual([], [*found_by(check)])
