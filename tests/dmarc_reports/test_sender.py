"""Reports to others: counted, kept, sent once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.aggregate_reports import tally as tally_module
from mailhost.aggregate_reports.mail import MailServices
from mailhost.aggregate_reports.report import DAY
from mailhost.aggregate_reports.sender import ReportSender
from mailhost.aggregate_reports.tally import Tally
from mailhost.aggregate_reports.unpack import file_of_message
from mailhost.aggregate_reports.waiting import Bounds, Waiting
from mailhost.dkim.verify import DKIMStatus
from mailhost.dmarc_reports import waiting as waiting_module
from mailhost.dmarc_reports.read import read_report
from mailhost.dmarc_reports.report import AggregateReport
from mailhost.dmarc_reports.sender import LONGEST, PERIOD, DMARCReportsToSend, SenderServices
from mailhost.dmarc_reports.tally import WHERE
from mailhost.dmarc_reports.unpack import XML
from mailhost.dmarc_reports.waiting import count_and_add, waiting_reports
from mailhost.interfaces.authentication import (
    Authentication,
    Disposition,
    DKIMOutcome,
    PublishedPolicy,
    SPFOutcome,
)
from mailhost.interfaces.dns import Found, Question, Reply
from mailhost.interfaces.events import Authenticated, Notice
from mailhost.message.client import Client
from mailhost.message.status import Status
from tests.dkim.messages import results
from tests.fakes import FakeHandover, RecordingEvents, address, now, outgoing_of
from tests.queue.fakes import here
from tests.relay.fake_resolver import FakeResolver
from tests.signing.fakes import make_keys, signing_outgoing

TODAY = 20_000
POLICY = PublishedPolicy(
    "blue.com", "reject", "reject", "reject", False, True, False, "0", ("mailto:r@blue.com",)
)
PASSED = Authentication(
    spf=(SPFOutcome("helo", "mx.blue.com", "none"), SPFOutcome("mfrom", "blue.com", "pass")),
    dkim=(DKIMOutcome("list.org", "a", "fail"), DKIMOutcome("blue.com", "b", "pass")),
    dmarc="pass",
    author="blue.com",
    requested=Disposition.REJECT,
    published=POLICY,
    spf_aligned="blue.com",
    dkim_aligned=("blue.com",),
)
FAILED = replace(
    PASSED, dmarc="fail", spf_aligned="", dkim_aligned=(), dkim=(), applied=Disposition.QUARANTINE
)


def judged(found: Authentication = PASSED, ip: str = "192.0.2.1", to: str = "a@x.org") -> Any:
    """The event of one message."""
    sender = address("sue@blue.com")
    return Authenticated(Client(ip), "id", sender, (address(to),), found)


class Resolver(FakeResolver):
    """Has TXT records."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[bytes] | None = [b"v=DMARC1; p=reject; rua=mailto:r@blue.com"]

    async def look_up(self, question: Question[Any]) -> Reply[Any]:
        if self.text is None:
            return Reply(Found.FAILED)
        if question.name == "_dmarc.blue.com":
            return Reply(Found.RECORDS, tuple(self.text))
        return Reply(Found.NO_DOMAIN)


class ReportCase(SynchronousTestCase):
    """A tally and a sender on one database. The clock begins within the day TODAY."""

    def setUp(self) -> None:
        self.clock: Any = Clock()
        self.clock.advance(TODAY * DAY + 10 * 3600)
        self.data = self.mktemp()
        self.events = RecordingEvents()
        self.tally = Tally(self.clock, here, Authenticated, self.events, WHERE, self.clock.seconds)
        self.tally.reconfigure(
            lambda events: count_and_add(self.data, {("x.org", "dmarc")}, events)
        )
        self.handover = FakeHandover()
        self.outgoing = outgoing_of("mx.x.org")
        self.reports = True
        self.resolver = Resolver()
        kind = DMARCReportsToSend(self.clock, self.data, self.services, self.resolver, self.events)
        self.sender = ReportSender(
            self.clock, here, waiting_reports(self.data), kind, self.events, self.clock.seconds
        )
        self.sender.start()
        self.addCleanup(self.sender.stop)

    def services(self) -> SenderServices:
        mail = MailServices("mx.x.org", self.outgoing, self.handover)
        return SenderServices(self.reports, mail)

    def count(self, *events: Any) -> None:
        """Count events, and write the counts."""
        for event in events:
            self.tally.emit(event)
        now(self.tally.flush())

    def pass_hours(self, hours: int) -> None:
        """Let time pass."""
        self.clock.pump([PERIOD] * hours)

    def waiting(self) -> list[Waiting]:
        """The reports that wait."""
        return list(waiting_reports(self.data).before(TODAY + 10))

    def sent(self) -> list[AggregateReport]:
        """The reports that were sent."""
        return [read_report(file_of_message(content, XML)) for _, content, _ in self.handover.taken]


class TallyTests(ReportCase):
    """Messages that are counted."""

    def test_rows(self) -> None:
        self.count(judged(), judged(), judged(FAILED), judged(ip="::ffff:192.0.2.1"))
        self.count(judged(), judged(ip="2001:db8::1"))
        self.pass_hours(24)
        (report,) = self.sent()
        rows = {(row.source, row.dkim): row for row in report.rows}
        self.assertEqual(
            {("192.0.2.1", True): 4, ("192.0.2.1", False): 1, ("2001:db8::1", True): 1},
            {key: row.count for key, row in rows.items()},
        )
        good, bad = rows["192.0.2.1", True], rows["192.0.2.1", False]
        self.assertEqual(("pass", True, ""), (good.disposition, good.spf, good.override))
        self.assertEqual(["blue.com", "list.org"], [each.domain for each in good.signatures])
        self.assertEqual(("quarantine", "local_policy"), (bad.disposition, bad.override))
        self.assertEqual(("blue.com", "blue.com"), (bad.author, bad.envelope_from))

    def test_what_is_not_counted(self) -> None:
        self.count(
            judged(replace(PASSED, published=None)),
            judged(replace(PASSED, published=replace(POLICY, reports=()))),
            judged(replace(PASSED, published=replace(POLICY, domain="a.example"))),
            judged(replace(PASSED, published=replace(POLICY, domain="localhost"))),
            judged(to="dmarc@x.org"),  # a report itself
            judged(ip=""),
            Notice("something else"),
        )
        self.tally.reconfigure(None)
        self.count(judged())
        self.assertEqual([], self.waiting())

    def test_a_failure_loses_no_counts(self) -> None:
        with open(self.data, "w", encoding="utf-8"):
            pass
        self.count(judged())
        self.assertIn("DMARC results", self.events.lines[-1])
        self.data = self.mktemp()
        now(self.tally.flush())
        self.assertEqual(1, len(self.waiting()))

    def test_the_rest_is_written_at_the_end(self) -> None:
        self.tally.start()
        self.tally.emit(judged())
        now(self.tally.stop())
        self.assertEqual(1, len(self.waiting()))

    def test_many_messages_are_written_early(self) -> None:
        self.patch(tally_module, "MOST_AT_ONCE", 3)
        for _ in range(3):
            self.tally.emit(judged())
        self.assertEqual(1, len(self.waiting()))

    def test_a_full_database_takes_no_more(self) -> None:
        self.patch(waiting_module, "BOUNDS", Bounds(5, 5, 1))
        self.count(judged())
        self.count(judged(ip="192.0.2.2"))
        self.pass_hours(24)
        self.assertEqual(["192.0.2.1"], [row.source for row in self.sent()[0].rows])

    def test_bounds(self) -> None:
        self.patch(waiting_module, "BOUNDS", Bounds(3, 1, 100))
        self.count(*(judged(ip=f"192.0.2.{number}") for number in range(10)))
        other = replace(PASSED, published=replace(POLICY, domain="green.com"))
        self.count(judged(ip="192.0.2.99"), judged(other))
        self.pass_hours(24)
        (report,) = self.sent()
        self.assertEqual(3, len(report.rows))


class SenderTests(ReportCase):
    """Reports that are sent, and when."""

    def setUp(self) -> None:
        super().setUp()
        self.count(judged())

    def test_once_when_the_day_is_over(self) -> None:
        self.pass_hours(13)
        self.assertEqual([], self.handover.taken)
        self.pass_hours(48)
        ((envelope, content, _),) = self.handover.taken
        self.assertIsNone(envelope.reverse_path)
        self.assertEqual(["r@blue.com"], [str(each.address) for each in envelope.recipients])
        (report,) = self.sent()
        begin = TODAY * DAY
        self.assertEqual((begin, begin + DAY - 1), (report.begin, report.end))
        self.assertEqual(("mx.x.org", "reject"), (report.organization, report.published.policy))
        name = f'"mx.x.org!blue.com!{begin}!{begin + DAY - 1}!{report.report_id}.xml.gz"'
        self.assertEqual(2, content.count(name.encode()))
        subject = (
            "Subject: Report Domain: blue.com\r\n Submitter: mx.x.org\r\n"
            f" Report-ID: <{report.report_id}>\r\n"
        )
        for field in (subject, "From: DMARC reports <postmaster@mx.x.org>\r\n", "\r\nMessage-ID: "):
            self.assertIn(field.encode(), b"\r\n" + content)

    def test_it_is_signed_by_the_name_of_this_host(self) -> None:
        records = make_keys(self.data, "mx.x.org")
        self.outgoing = signing_outgoing(self.data, "mx.x.org", self.clock.seconds)
        self.pass_hours(24)
        ((_, content, _),) = self.handover.taken
        shown = {("TXT", name): [record.encode()] for name, record in records.items()}
        (signature,) = results(content, shown, self.clock.seconds())
        self.assertEqual((DKIMStatus.PASS, "mx.x.org"), (signature.status, signature.domain))
        self.assertEqual("blue.com", self.sent()[0].published.domain)

    def test_again_under_the_same_name_after_a_deferral(self) -> None:
        self.handover.status = Status(452, "4.3.1", "The disk is full")
        self.pass_hours(14)
        self.handover.status = Status(250, "2.0.0", "Taken")
        self.pass_hours(24)
        first, second = self.sent()
        self.assertEqual(first, second)

    def test_an_address_that_has_it_gets_it_once(self) -> None:
        self.resolver.text = [b"v=DMARC1; p=none; rua=mailto:a@blue.com,mailto:b@blue.com"]
        statuses = [Status(250, "2.0.0", "Taken"), Status(452, "4.3.1", "The disk is full")]

        class Handover(FakeHandover):
            async def take_or_queue(self, *arguments: Any) -> Status:
                await super().take_or_queue(*arguments)
                return statuses.pop(0) if statuses else self.status

        self.handover = Handover()
        self.pass_hours(24)
        got = [str(envelope.recipients[0].address) for envelope, _, _ in self.handover.taken]
        self.assertEqual(["a@blue.com", "b@blue.com", "b@blue.com"], got)

    def test_dns_that_does_not_answer(self) -> None:
        text, self.resolver.text = self.resolver.text, None
        self.pass_hours(24)
        self.assertEqual([], self.handover.taken)
        self.resolver.text = text
        self.pass_hours(1)
        self.assertEqual(1, len(self.handover.taken))

    def test_it_is_given_up_after_some_days(self) -> None:
        self.resolver.text = None
        self.pass_hours(24 + LONGEST // 3600)
        self.assertEqual([], self.waiting())
        self.assertEqual([], self.handover.taken)

    def test_an_address_that_was_withdrawn(self) -> None:
        self.resolver.text = [b"v=DMARC1; p=reject"]
        self.pass_hours(24)
        self.assertEqual([], self.handover.taken)
        self.assertEqual([], self.waiting())

    def test_a_report_that_is_too_large(self) -> None:
        self.resolver.text = [b"v=DMARC1; p=reject; rua=mailto:r@blue.com!1k"]
        self.pass_hours(24)
        self.assertEqual([], self.handover.taken)
        self.assertIn("at most 1024 are taken", self.events.lines[-1])

    def test_switched_off(self) -> None:
        self.reports = False
        self.pass_hours(48)
        self.assertEqual([], self.handover.taken)
