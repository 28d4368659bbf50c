"""Reports that came in: believed if they are signed, kept, and summed up."""

from __future__ import annotations

import gzip
import os
import time
from dataclasses import replace
from typing import Any

import dkim
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.aggregate_reports import reader as reader_module
from mailhost.aggregate_reports import received as aggregate_received
from mailhost.aggregate_reports.reader import PERIOD, RETRY, ReportPlaces, ReportReader
from mailhost.aggregate_reports.received import KEPT, forget_old
from mailhost.aggregate_reports.report import DAY
from mailhost.dkim.keys import make_ed25519_key
from mailhost.dkim.sign import Signer
from mailhost.dmarc_reports.collected import CollectedDMARCReports
from mailhost.dmarc_reports.received import results_about
from mailhost.interfaces.dns import Found
from mailhost.interfaces.tls_sessions import PolicyType
from mailhost.message.content import Content
from mailhost.tls_reports import received
from mailhost.tls_reports.advice import UNKNOWN, advice_for
from mailhost.tls_reports.collected import CollectedTLSReports
from mailhost.tls_reports.database import reports_database
from mailhost.tls_reports.read import read_report
from mailhost.tls_reports.received import (
    ReceivedReport,
    keep_report,
    reports_about,
)
from mailhost.tls_reports.report import FailureDetail
from mailhost.tls_reports.summary import summarize
from tests.dkim.messages import RSA, records_of, signed
from tests.dmarc_reports.samples import NEW
from tests.dmarc_reports.samples import gzipped as dmarc_message
from tests.fakes import FakeHandover, RecordingEvents, address, domain, now, view_of
from tests.lookups import RecordsLookUp
from tests.memory_store import MemoryStore
from tests.queue.fakes import here
from tests.tls_reports.samples import (
    EXAMPLE,
    KEYS,
    REPORTER,
    SIGNER,
    about,
    as_json,
    message,
    signed_message,
)

END = 1459468800 + DAY - 1
TIME = float(END + 3600)
REPORT = about("example.org")


class CollectedCase(SynchronousTestCase):
    """A reader of both kinds of reports, and a Maildir that they come in to."""

    def setUp(self) -> None:
        self.clock: Any = Clock()
        self.wall = TIME
        self.data = self.mktemp()
        self.store = MemoryStore()
        self.incoming = self.store.maildir("incoming")
        self.events = RecordingEvents()
        self.handover = FakeHandover()
        self.resolver: Any = RecordsLookUp(KEYS)
        kinds = (
            CollectedDMARCReports(here, self.data, lambda: self.wall),
            CollectedTLSReports(
                self.clock, here, self.data, self.resolver, lambda: "mx.x", lambda: self.wall
            ),
        )
        self.reader = ReportReader(self.clock, here, self.places, kinds, self.events)
        self.started = False
        self.addCleanup(self.reader.stop)

    def places(self) -> ReportPlaces:
        view = view_of(domain("example.org", "ann"))
        admin = address("ann@example.org")
        return ReportPlaces(self.incoming, self.store, lambda: view, self.handover, admin, "mx.x")

    def read(self, *messages: bytes) -> None:
        """Messages come in and are read."""
        top = b"Return-Path: <>\r\nDelivered-To: tls@example.org\r\n"
        for each in messages:
            now(self.incoming.deliver((Content((top, each)),)))
        if self.started:
            self.clock.advance(PERIOD)
        else:
            self.reader.start()
            self.started = True

    def kept(self, name: str = "example.org") -> list[ReceivedReport]:
        """The reports about a domain."""
        return list(reports_about(self.data, name, 0))


class CollectedTests(CollectedCase):
    """Reports that are believed, and others."""

    def test_a_signed_report_is_kept_once(self) -> None:
        self.read(signed_message(REPORT), signed_message(REPORT, "example.org"))
        (found,) = self.kept()
        wanted, report = read_report(REPORT), found.report
        self.assertEqual(REPORTER, found.signer)
        self.assertEqual(replace(wanted, results=()), replace(report, results=()))
        (result,), (same,) = wanted.results, report.results
        self.assertEqual(replace(result, details=()), replace(same, details=()))
        self.assertEqual(set(result.details), set(same.details))
        self.assertEqual({}, self.store.boxes)
        line = "TLS report of Company-X (company-x.example) about example.org"
        self.assertEqual([line, f"{line}, which is there already"], self.events.lines)

    def test_reports_of_both_kinds_at_one_address(self) -> None:
        self.wall = 1795651199.0
        period = {"start-datetime": "2026-11-25T00:00:00Z", "end-datetime": "2026-11-25T23:59:59Z"}
        report = about("example.org", **{"date-range": period})
        self.read(dmarc_message(NEW), signed_message(report))
        self.assertEqual(1, len(results_about(self.data, "example.org", 0)))
        self.assertEqual(1, len(self.kept()))
        self.assertEqual([], self.handover.taken)

    def not_believed(self, *messages: bytes) -> str:
        """These messages go to the admin; return why."""
        self.read(*messages)
        self.assertEqual([], self.kept())
        self.assertEqual(len(messages), len(self.handover.taken))
        return self.events.lines[-1]

    def test_without_a_signature(self) -> None:
        line = self.not_believed(message(gzip.compress(REPORT)))
        self.assertIn("it has no valid DKIM signature of company-x.example", line)

    def test_a_changed_report(self) -> None:
        whole = signed_message(REPORT)
        line = self.not_believed(whole.replace(b"This is a report", b"This was a report"))
        self.assertIn("the body has changed", line)

    def test_a_signature_of_somebody_else(self) -> None:
        for author in ("tls@google.com", "tls@company-x.example, a@b.org, <", "nobody"):
            self.not_believed(signed_message(REPORT, author=author))
            self.handover.taken.clear()

    def test_a_signature_of_a_part(self) -> None:
        """Octets could be appended to it (RFC 8460 §3)."""
        whole = message(gzip.compress(REPORT))
        signature = dkim.sign(whole, b"r", REPORTER.encode(), RSA.pem(), length=True)
        self.resolver.records["TXT", f"r._domainkey.{REPORTER}"] = [RSA.record().encode()]
        line = self.not_believed(signature + whole)
        self.assertIn("no valid DKIM signature", line)

    def test_the_author_is_below_the_signer(self) -> None:
        self.read(signed_message(REPORT, author="tls@reports.company-x.example"))
        self.assertEqual(1, len(self.kept()))

    def test_a_key_for_reports_alone(self) -> None:
        signer = Signer(REPORTER, "t", make_ed25519_key())
        ((name, (record,)),) = records_of(signer).items()
        self.resolver.records[name] = [record.replace(b"v=DKIM1;", b"v=DKIM1; s=tlsrpt;")]
        self.read(signed(message(gzip.compress(REPORT)), (signer,)))
        self.assertEqual(1, len(self.kept()))

    def test_a_key_for_other_services(self) -> None:
        ((name, (record,)),) = records_of(SIGNER).items()
        self.resolver.records[name] = [record.replace(b"v=DKIM1;", b"v=DKIM1; s=other;")]
        self.not_believed(signed_message(REPORT))

    def test_dns_that_does_not_answer(self) -> None:
        (name,) = records_of(SIGNER)
        self.resolver.records[name] = Found.FAILED
        self.read(signed_message(REPORT))
        self.assertIn("waits", self.events.lines[-1])
        self.assertEqual(["incoming"], list(self.store.boxes))
        self.resolver.records.update(KEYS)
        self.clock.pump([PERIOD] * int(RETRY / PERIOD))
        self.assertEqual(1, len(self.kept()))

    def test_but_not_for_ever(self) -> None:
        (name,) = records_of(SIGNER)
        self.resolver.records[name] = Found.FAILED
        self.patch(reader_module, "MOST_TRIES", 2)
        self.read(signed_message(REPORT))
        self.clock.pump([PERIOD] * int(RETRY / PERIOD) * 2)
        self.assertEqual(1, len(self.handover.taken))
        self.assertIn("cannot be looked up", self.events.lines[-1])

    def test_about_others(self) -> None:
        line = self.not_believed(signed_message(about("red.net")))
        self.assertIn("red.net, which is no domain of this host", line)

    def test_the_domain_of_the_header_is_here_and_the_policy_is_that_of_a_host(self) -> None:
        self.read(signed_message(about("mx.other.net"), "Example.org."))
        self.assertEqual("mx.other.net", self.kept()[0].report.results[0].policy.domain)

    def test_a_long_name_in_the_header(self) -> None:
        whole = signed_message(REPORT, "a." * 20_000 + "example.org")
        begun = time.process_time()
        self.read(whole)
        self.assertLess(time.process_time() - begun, 2.0)
        self.assertEqual("example.org", self.kept()[0].report.domain)

    def test_about_the_name_of_this_host(self) -> None:
        self.read(signed_message(about("mx.x")))
        self.assertEqual(1, len(self.kept("mx.x")))

    def test_a_period_that_cannot_be(self) -> None:
        period = {"start-datetime": "2016-04-01T00:00:00Z", "end-datetime": "9999-12-31"}
        whole = signed_message(about("example.org", **{"date-range": period}))
        self.assertIn("in the future", self.not_believed(whole))

    def test_hostile_files(self) -> None:
        for text in (b"{" * 100_000, b'{"policies": [', b" " * 3_000_000 + b"{", b""):
            self.not_believed(signed_message(text))
            self.handover.taken.clear()

    def test_old_reports_are_removed(self) -> None:
        self.read(signed_message(REPORT))
        self.wall += KEPT + DAY
        self.clock.advance(DAY)
        self.assertEqual([], self.kept())


class DatabaseTests(SynchronousTestCase):
    """Reports that are kept."""

    def test_the_reports_of_one_signer_do_not_hide_those_of_another(self) -> None:
        data = self.mktemp()
        report = read_report(REPORT)
        self.assertTrue(keep_report(data, ReceivedReport("evil.net", report)))
        self.assertTrue(keep_report(data, ReceivedReport("good.net", report)))
        self.assertFalse(keep_report(data, ReceivedReport("good.net", report)))

    def test_bounds(self) -> None:
        self.patch(received, "MOST_ROWS", 450)
        self.patch(received, "MOST_DETAILS", 2)
        data = self.mktemp()
        report = read_report(REPORT)
        for number in range(300):
            newer = replace(report, report_id=str(number), end=report.end + number)
            keep_report(data, ReceivedReport("far.net", newer))
        kept = reports_about(data, "", 0)
        self.assertEqual("299", kept[-1].report.report_id)
        self.assertLessEqual(len(kept) * 3, 450)
        self.assertEqual([200, 100], [each.count for each in kept[-1].report.results[0].details])

    def test_long_texts_do_not_fill_the_disk(self) -> None:
        self.patch(
            received,
            "MOST_OCTETS",
            1_000_000,
        )
        data = self.mktemp()
        report = read_report(REPORT)
        [result, *_] = report.results
        text = "\N{GRINNING FACE}" * 500
        details = tuple(FailureDetail("x", n, text, text, text, text, text) for n in range(20))
        for number in range(30):
            newer = replace(
                report,
                report_id=str(number),
                end=report.end + number,
                results=(replace(result, details=details),),
            )
            keep_report(data, ReceivedReport("far.net", newer))
        self.assertLess(os.path.getsize(reports_database(data).path), 2_500_000)
        kept = reports_about(data, "", 0)
        self.assertEqual("29", kept[-1].report.report_id)
        self.assertEqual(text, kept[-1].report.results[0].details[0].reason)

    def test_one_domain_does_not_push_out_others(self) -> None:
        self.patch(aggregate_received, "MOST_REPORTS", 3)
        data = self.mktemp()
        report = read_report(REPORT)
        keep_report(data, ReceivedReport("far.net", replace(report, domain="b.org")))
        for number in range(9):
            newer = replace(report, report_id=str(number), end=report.end + 1 + number)
            keep_report(data, ReceivedReport("far.net", newer))
        self.assertEqual(3, len(reports_about(data, "example.org", 0)))
        self.assertEqual(1, len(reports_about(data, "b.org", 0)))
        self.assertEqual(1, len(reports_about(data, "", report.end + 8)))

    def test_no_database_is_made_to_read(self) -> None:
        data = self.mktemp()
        forget_old(reports_database(data), 0)
        self.assertEqual([], reports_about(data, "", 0))
        with self.assertRaises(FileNotFoundError), open(data):
            pass


class SummaryTests(SynchronousTestCase):
    """What the operator is shown."""

    def test_by_domain_policy_and_result(self) -> None:
        none = [{"policy": {"policy-type": "no-policy-found", "policy-domain": "example.org"}}]
        reports = [
            ReceivedReport("a.net", read_report(REPORT)),
            ReceivedReport("b.net", read_report(REPORT)),
            ReceivedReport("c.net", read_report(as_json(policies=none))),
            ReceivedReport("a.net", read_report(about("blue.com"))),
        ]
        blue, org = summarize(reports)
        self.assertEqual(("blue.com", "example.org"), (blue.domain, org.domain))
        self.assertEqual((10652, 606), (org.successes, org.failed))
        self.assertEqual(
            {PolicyType.STS: 10652, PolicyType.NONE: 0},
            {each.policy.kind: each.successes for each in org.policies},
        )
        first = org.failures[0]
        self.assertEqual(("starttls-not-supported", 400), (first.result, first.sessions))
        self.assertEqual({"mx2.mail.example.org": 400}, dict(first.hosts))
        self.assertEqual({"a.net", "b.net"}, first.reporters)

    def test_failures_without_details(self) -> None:
        policy = dict(EXAMPLE["policies"][0])
        del policy["failure-details"]
        (found,) = summarize([ReceivedReport("a.net", read_report(as_json(policies=[policy])))])
        self.assertEqual([("", 303)], [(each.result, each.sessions) for each in found.failures])

    def test_each_result_has_words(self) -> None:
        self.assertIn("expired", advice_for("certificate-expired", "a.org").meaning)
        self.assertIn("mailhost doctor a.org", advice_for("sts-policy-invalid", "a.org").remedy)
        self.assertEqual(UNKNOWN, advice_for("new-result", "a.org"))
