"""Reports to other domains: counted, kept, sent when the day is over."""

from __future__ import annotations

import json
from dataclasses import replace
from email import message_from_bytes
from gzip import decompress
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.aggregate_reports.mail import MailServices
from mailhost.aggregate_reports.report import DAY
from mailhost.aggregate_reports.sender import ReportSender
from mailhost.aggregate_reports.tally import Tally
from mailhost.aggregate_reports.unpack import file_of_message
from mailhost.aggregate_reports.waiting import Bounds, Waiting
from mailhost.dkim.verify import DKIMStatus
from mailhost.interfaces.dns import Found
from mailhost.interfaces.events import Notice
from mailhost.interfaces.tls_sessions import (
    BY_SENDER,
    AppliedPolicy,
    PolicyType,
    TLSFailure,
    TLSSession,
)
from mailhost.message.status import Status
from mailhost.message.tls_demand import TLSDemand
from mailhost.net.https_fetch import Fetched, FetchFailed
from mailhost.tls_reports import tally as tally_module
from mailhost.tls_reports import waiting as waiting_module
from mailhost.tls_reports.read import read_report
from mailhost.tls_reports.report import TLSReport
from mailhost.tls_reports.sender import LONGEST, PERIOD, SPREAD, SenderServices, TLSReportsToSend
from mailhost.tls_reports.tally import WHERE, count_and_add
from mailhost.tls_reports.unpack import JSON
from mailhost.tls_reports.waiting import waiting_reports
from tests.dkim.messages import results
from tests.fakes import FakeHandover, RecordingEvents, now, outgoing_of
from tests.lookups import RecordsLookUp
from tests.queue.fakes import here
from tests.signing.fakes import make_keys, signing_outgoing

TODAY = 20_000
BEGIN = TODAY * DAY
HOST = "mx.x.org"
STS = AppliedPolicy(
    PolicyType.STS,
    "blue.com",
    ("version: STSv1", "mode: enforce", "mx: mx.blue.com", "max_age: 86400"),
    ("mx.blue.com",),
)
GOOD = TLSSession("blue.com", STS, "the MTA-STS policy", mx="mx.blue.com", ip="192.0.2.1")
BAD = replace(
    GOOD,
    failure=TLSFailure.EXPIRED,
    delivered=False,
    reason="certificate has expired",
    own_ip="198.51.100.1",
)
NONE = replace(GOOD, policy=AppliedPolicy(PolicyType.NONE, "blue.com"), decided="opportunistic")
RECORD = ("TXT", "_smtp._tls.blue.com")


class Poster:
    """Keeps what is posted; answers `status`, or fails with it."""

    def __init__(self) -> None:
        self.status: int | str | Exception = 201
        self.posted: list[tuple[str, bytes, str]] = []

    async def post(self, url: str, body: bytes, media_type: str) -> Fetched:
        """See IPoster."""
        self.posted.append((url, body, media_type))
        if isinstance(self.status, Exception):
            raise self.status
        if isinstance(self.status, str):
            raise FetchFailed(self.status)
        return Fetched(self.status, "", b"")


class ReportCase(SynchronousTestCase):
    """A tally and a sender on one database. The clock begins within the day TODAY."""

    def setUp(self) -> None:
        self.clock: Any = Clock()
        self.clock.advance(BEGIN + 10 * 3600)
        self.data = self.mktemp()
        self.events = RecordingEvents()
        self.tally = Tally(self.clock, here, TLSSession, self.events, WHERE, self.clock.seconds)
        self.tally.reconfigure(lambda sessions: count_and_add(self.data, sessions))
        self.handover = FakeHandover()
        self.keys = make_keys(self.data, HOST)
        self.outgoing = signing_outgoing(self.data, HOST, self.clock.seconds)
        self.reports = True
        self.resolver: Any = RecordsLookUp({RECORD: [b"v=TLSRPTv1; rua=mailto:r@blue.com"]})
        self.poster = Poster()
        kind = TLSReportsToSend(
            self.clock, self.data, self.services, self.resolver, self.poster, self.events
        )
        waiting = waiting_reports(self.data)
        self.sender = ReportSender(self.clock, here, waiting, kind, self.events, self.clock.seconds)
        self.sender.start()
        self.addCleanup(self.sender.stop)

    def services(self) -> SenderServices:
        mail = MailServices(HOST, self.outgoing, self.handover)
        return SenderServices(self.reports, "X mail", "admin@x.org", mail)

    def count(self, *sessions: TLSSession) -> None:
        """Count sessions, and write the counts."""
        for session in sessions:
            self.tally.emit(session)
        now(self.tally.flush())

    def pass_hours(self, hours: float) -> None:
        """Let time pass."""
        self.clock.pump([PERIOD] * round(hours * 3600 / PERIOD))

    def waiting(self) -> list[Waiting]:
        """The reports that wait."""
        return list(waiting_reports(self.data).before(TODAY + 10))

    def mailed(self) -> list[TLSReport]:
        """The reports that left by mail."""
        return [read_report(file_of_message(each, JSON)) for _, each, _ in self.handover.taken]

    def ask_for(self, rua: str) -> None:
        """The domain asks for reports at these destinations."""
        self.resolver.records[RECORD] = [f"v=TLSRPTv1; rua={rua}".encode()]


class TallyTests(ReportCase):
    """Sessions that are counted."""

    def test_by_policy_and_failure(self) -> None:
        self.count(GOOD, GOOD, BAD, NONE)
        self.count(GOOD, BAD, replace(BAD, ip="192.0.2.2"), replace(GOOD, ip="192.0.2.2"))
        self.pass_hours(24)
        (report,) = self.mailed()
        counts = {each.policy: (each.successes, each.failures) for each in report.results}
        self.assertEqual({STS: (4, 3), NONE.policy: (1, 0)}, counts)
        sts = next(each for each in report.results if each.policy == STS)
        first = max(sts.details, key=lambda each: each.count)
        self.assertEqual(
            ("certificate-expired", 2, "mx.blue.com", "192.0.2.1", "198.51.100.1"),
            (first.result, first.count, first.mx, first.ip, first.own_ip),
        )
        self.assertEqual("certificate has expired", first.reason)

    def test_what_is_not_counted(self) -> None:
        self.count(
            replace(GOOD, domain="a.example"),
            replace(GOOD, domain="[192.0.2.1]"),
            replace(GOOD, decided=BY_SENDER),  # such as a report itself
        )
        self.tally.emit(Notice("something else"))
        self.tally.reconfigure(None)
        self.count(GOOD)
        self.assertEqual([], self.waiting())

    def test_a_policy_that_fails_before_any_connection(self) -> None:
        failed = replace(GOOD, failure=TLSFailure.STS_FETCH, reason="404", mx="", ip="")
        self.count(failed)
        self.pass_hours(24)
        (detail,) = self.mailed()[0].results[0].details
        self.assertEqual(("sts-policy-fetch-error", ""), (detail.result, detail.mx))

    def test_a_flood_of_domains_and_of_policies(self) -> None:
        self.patch(waiting_module, "BOUNDS", Bounds(rows=3, domains=2, waiting=100))
        self.patch(tally_module, "LONGEST_POLICY", 30)
        long = replace(STS, lines=("x" * 20, "y" * 20), mx=("a.blue.com",) * 500)
        self.count(*(replace(BAD, reason=str(number)) for number in range(9)))
        self.count(*(replace(GOOD, domain=f"d{number}.blue.com") for number in range(9)))
        self.count(replace(GOOD, domain="d0.blue.com", policy=long))
        self.assertEqual(["blue.com", "d0.blue.com"], [each.domain for each in self.waiting()])
        waiting = waiting_reports(self.data)
        rows = [waiting.counts_of(each).rows for each in self.waiting()]
        self.assertEqual([3, 2], list(map(len, rows)))
        self.assertLess(max(len(row) for each in rows for row in each), 2000)


class MailTests(ReportCase):
    """Reports that leave by mail."""

    def setUp(self) -> None:
        super().setUp()
        self.count(GOOD, BAD)

    def test_once_in_the_first_hours_of_the_next_day(self) -> None:
        self.pass_hours(13.9)
        self.assertEqual([], self.handover.taken)
        self.pass_hours(SPREAD / 3600 + 1)
        self.assertEqual(1, len(self.handover.taken))
        self.pass_hours(72)
        ((envelope, _, _),) = self.handover.taken
        self.assertIsNone(envelope.reverse_path)
        self.assertEqual(["r@blue.com"], [str(each.address) for each in envelope.recipients])
        self.assertIs(TLSDemand.OPTIONAL, envelope.tls)
        (report,) = self.mailed()
        self.assertEqual((BEGIN, BEGIN + DAY - 1), (report.begin, report.end))
        self.assertEqual(("X mail", "admin@x.org"), (report.organization, report.contact))
        self.assertIn("TLS reports: 1 report of 2024-10-04 sent", self.events.lines)

    def test_the_form_of_the_message(self) -> None:
        self.pass_hours(24)
        ((_, content, _),) = self.handover.taken
        found: Any = message_from_bytes(content)
        (report,) = self.mailed()
        self.assertEqual("multipart/report", found.get_content_type())
        self.assertEqual("tlsrpt", found.get_param("report-type"))
        self.assertEqual(("blue.com", HOST), (found["TLS-Report-Domain"], found[SUBMITTER]))
        self.assertEqual("No", found["TLS-Required"])
        self.assertEqual(
            f"Report Domain: blue.com Submitter: {HOST} Report-ID: <{report.report_id}>",
            " ".join(found["Subject"].split()),
        )
        self.assertTrue(report.report_id.endswith(f"@{HOST}"))
        words, file = found.get_payload()
        self.assertEqual("text/plain", words.get_content_type())
        self.assertEqual("application/tlsrpt+gzip", file.get_content_type())
        unique = report.report_id.partition("@")[0]
        name = f"{HOST}!blue.com!{BEGIN}!{BEGIN + DAY - 1}!{unique}.json.gz"
        self.assertEqual(name, file.get_filename())
        self.assertEqual(unique.isalnum(), True)
        found = json.loads(decompress(file.get_payload(decode=True)))
        self.assertEqual("2024-10-04T00:00:00Z", found["date-range"]["start-datetime"])

    def test_it_is_signed_by_the_name_of_this_host(self) -> None:
        self.pass_hours(24)
        ((_, content, _),) = self.handover.taken
        shown = {("TXT", name): [record.encode()] for name, record in self.keys.items()}
        (signature,) = results(content, shown, self.clock.seconds())
        self.assertEqual((DKIMStatus.PASS, HOST), (signature.status, signature.domain))
        self.assertIsNone(signature.length)

    def test_without_a_signature_none_is_sent(self) -> None:
        self.outgoing = outgoing_of(HOST)
        self.pass_hours(24 + LONGEST / 3600)
        self.assertEqual([], self.handover.taken)
        self.assertEqual([], self.waiting())
        line = self.events.lines[-1]
        self.assertIn("TLS reports: 1 report of 2024-10-04 not sent, such as about blue.com:", line)
        self.assertIn("has no DKIM signature", line)
        self.assertTrue(self.events.told[-1].serious)

    def test_again_under_the_same_name_after_a_deferral(self) -> None:
        self.handover.status = Status(452, "4.3.1", "The disk is full")
        self.pass_hours(19)
        tried = len(self.handover.taken)
        self.assertGreater(tried, 2)
        self.handover.status = Status(250, "2.0.0", "Taken")
        self.pass_hours(24)
        reports = self.mailed()
        self.assertEqual(tried + 1, len(reports))
        self.assertEqual(1, len(set(reports)))

    def test_attempts_come_less_and_less_often_for_a_day(self) -> None:
        self.resolver.records[RECORD] = Found.FAILED
        self.pass_hours(24 + LONGEST / 3600)
        asked = self.resolver.asked.count(RECORD)
        self.assertTrue(6 <= asked <= 9, asked)
        self.assertIn("_smtp._tls.blue.com cannot be looked up", self.events.lines[-1])
        self.assertFalse(self.events.told[-1].serious, "the domain may want no report")
        self.assertEqual([], self.waiting())

    def test_one_line_for_all_that_are_given_up(self) -> None:
        self.count(*(replace(GOOD, domain=f"d{number}.blue.com") for number in range(9)))
        self.sender.stop()
        self.clock.advance(2 * DAY + LONGEST)
        self.sender.start()
        self.pass_hours(1)
        self.assertEqual([], self.waiting())
        (line,) = self.events.lines
        self.assertIn("10 reports of 2024-10-04 not sent, such as about blue.com: ", line)

    def test_a_domain_that_asks_for_none(self) -> None:
        for records in ([], [b"v=TLSRPTv1; rua=mailto:a@blue.com"] * 2, [b"v=spf1 -all"]):
            self.resolver.records[RECORD] = records
            self.count(GOOD)
            self.pass_hours(24)
            self.assertEqual(([], []), (self.handover.taken, self.waiting()))

    def test_switched_off(self) -> None:
        self.reports = False
        self.pass_hours(48)
        self.assertEqual([], self.handover.taken)


SUBMITTER = "TLS-Report-Submitter"


class WebTests(ReportCase):
    """Reports that are posted."""

    def setUp(self) -> None:
        super().setUp()
        self.count(GOOD)
        self.ask_for("https://r.blue.com/v1,mailto:r@blue.com")

    def test_both(self) -> None:
        self.pass_hours(24)
        ((url, body, kind),) = self.poster.posted
        self.assertEqual(("https://r.blue.com/v1", "application/tlsrpt+gzip"), (url, kind))
        self.assertEqual(self.mailed(), [read_report(decompress(body))])
        self.assertIn("TLS reports: 2 reports of 2024-10-04 sent", self.events.lines)

    def test_a_server_that_fails_gets_it_again_and_the_address_does_not(self) -> None:
        self.poster.status = 503
        self.pass_hours(20)
        tried = len(self.poster.posted)
        self.assertGreater(tried, 1)
        self.poster.status = 200
        self.pass_hours(24)
        self.assertEqual((tried + 1, 1), (len(self.poster.posted), len(self.handover.taken)))
        self.assertEqual([], self.waiting())

    def test_it_is_given_up_after_a_day(self) -> None:
        self.poster.status = "the certificate is for another name"
        self.pass_hours(24 + LONGEST / 3600)
        self.assertEqual([], self.waiting())
        why = "https://r.blue.com/v1: the certificate is for another name"
        self.assertIn(f"not sent, such as about blue.com: {why}", self.events.lines[-2])

    def test_a_fault_of_one_report_keeps_no_other_back(self) -> None:
        self.poster.status = RuntimeError("a bug")
        self.ask_for("https://a.blue.com/")
        self.resolver.records["TXT", "_smtp._tls.white.com"] = [
            b"v=TLSRPTv1; rua=mailto:r@white.com"
        ]
        self.count(GOOD, replace(GOOD, domain="white.com"))
        self.pass_hours(24)
        self.assertEqual(1, len(self.mailed()))
        self.assertEqual(["blue.com"], [each.domain for each in self.waiting()])
        self.pass_hours(48)
        self.assertIn("RuntimeError: a bug", str(self.events.lines))
        self.assertEqual([], self.waiting())

    def test_redirects_are_not_followed(self) -> None:
        self.poster.status = 302
        self.pass_hours(24)
        self.assertEqual({"https://r.blue.com/v1"}, {url for url, _, _ in self.poster.posted})
        self.assertEqual(1, len(self.waiting()))
