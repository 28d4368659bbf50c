"""Mail for an address for reports: kept apart, then read into the database."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.aggregate_reports.intake import ReportDelivery
from mailhost.aggregate_reports.reader import PERIOD, RETRY, ReportPlaces, ReportReader
from mailhost.aggregate_reports.received import KEPT, forget_old
from mailhost.aggregate_reports.report import DAY
from mailhost.dmarc_reports import received
from mailhost.dmarc_reports.collected import CollectedDMARCReports
from mailhost.dmarc_reports.database import reports_database
from mailhost.dmarc_reports.read import read_report
from mailhost.dmarc_reports.received import (
    keep_report,
    results_about,
)
from mailhost.interfaces.accounts import Account
from mailhost.interfaces.delivery import LocalRecipient
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.outcome import Fate
from tests.dmarc_reports.samples import NEW, OLD, gzipped
from tests.fakes import (
    FULL,
    FakeDelivery,
    FakeHandover,
    RecordingEvents,
    address,
    domain,
    envelope,
    now,
    path,
    view_of,
)
from tests.memory_store import MemoryStore
from tests.queue.fakes import here

ADDRESSES = {("example.org", "dmarc")}
TIME = 1795651199.0


def recipient(text: str) -> LocalRecipient:
    """A recipient with an account of the same name."""
    return LocalRecipient(path(text), Account(address(text)))


class DeliveryTests(SynchronousTestCase):
    """Mail that goes to the Maildir of reports."""

    def setUp(self) -> None:
        self.store = MemoryStore()
        self.incoming = self.store.maildir("incoming")
        self.events = RecordingEvents()
        self.inner = FakeDelivery()
        self.delivery = ReportDelivery(self.inner, ADDRESSES, self.incoming, self.events)

    def deliver(self, *recipients: str) -> list[Fate]:
        """Deliver to these recipients."""
        outcomes = now(
            self.delivery.deliver(
                envelope(*recipients), Content((b"x",)), list(map(recipient, recipients)), "id"
            )
        )
        return [outcome.fate for outcome in outcomes]

    def test_reports_and_persons(self) -> None:
        names = ("ann@example.org", "dmarc@example.org", "bob@example.org")
        self.assertEqual([Fate.DELIVERED] * 3, self.deliver(*names))
        (kept,) = self.store.boxes["incoming"]
        self.assertTrue(kept.startswith(b"Return-Path: <sue@far.example>\r\n"))
        self.assertIn(b"Delivered-To: dmarc@example.org\r\n", kept)
        self.assertTrue(kept.endswith(b"x"))

    def test_what_comes_back_is_a_loop(self) -> None:
        """Such as by an admin whose alias leads to the address for reports."""
        back = Content((b"Delivered-To: DMARC@example.org\r\n\r\nhello",))
        recipients = [recipient("dmarc@example.org")]
        (outcome,) = now(self.delivery.deliver(envelope(), back, recipients, "id"))
        self.assertEqual((Fate.FAILED, "5.4.6"), (outcome.fate, outcome.status.enhanced))

    def test_the_disk_is_full(self) -> None:
        self.store.answers["incoming"] = FULL
        self.assertEqual([Fate.DEFERRED], self.deliver("dmarc@example.org"))
        self.store.answers["incoming"] = OSError(28, "No space left on device")
        self.assertEqual([Fate.DEFERRED], self.deliver("dmarc@example.org"))


class ReaderTests(SynchronousTestCase):
    """Reports that are read from there."""

    def setUp(self) -> None:
        self.clock: Any = Clock()
        self.wall = TIME
        self.data = self.mktemp()
        self.store = MemoryStore()
        self.incoming = self.store.maildir("incoming")
        self.events = RecordingEvents()
        self.view = view_of(domain("example.org", "ann"))
        self.admin: Address | None = address("ann@example.org")
        self.handover = FakeHandover()
        self.collects = True
        self.kind = CollectedDMARCReports(here, self.data, lambda: self.wall)
        self.reader = ReportReader(self.clock, here, self.places, [self.kind], self.events)
        self.addCleanup(self.reader.stop)

    def places(self) -> ReportPlaces:
        return ReportPlaces(
            self.incoming,
            self.store,
            lambda: self.view,
            self.handover,
            self.admin,
            "mx.x",
            self.collects,
        )

    def add(self, message: bytes) -> None:
        """A message has come in."""
        top = b"Return-Path: <>\r\nDelivered-To: dmarc@example.org\r\n"
        now(self.incoming.deliver((Content((top, message)),)))

    def organizations(self) -> list[str]:
        """The names of the reporters."""
        found = results_about(self.data, "example.org", 0)
        return [each.organization for each in found]

    def test_reports_are_kept_once(self) -> None:
        for message in (gzipped(), gzipped(OLD), gzipped()):
            self.add(message)
        self.reader.start()
        self.assertEqual(["Far Mail", "old.example"], self.organizations())
        self.assertEqual({}, self.store.boxes)
        self.assertIn("there already", self.events.lines[-1])
        self.add(gzipped(NEW.replace(b"one@", b"two@")))
        self.clock.advance(PERIOD)
        self.assertEqual(3, len(self.organizations()))

    def test_without_addresses_only_what_was_there_is_read(self) -> None:
        self.collects = False
        self.add(gzipped())
        self.reader.start()
        self.assertEqual(["Far Mail"], self.organizations())
        self.clock.advance(PERIOD)
        self.add(gzipped(NEW.replace(b"one@", b"two@")))
        self.clock.advance(PERIOD)
        self.assertEqual(1, len(self.organizations()), "the Maildir is not listed")
        self.collects = True
        self.clock.advance(PERIOD)
        self.assertEqual(2, len(self.organizations()))

    def test_old_reports_are_removed_once_a_day(self) -> None:
        self.add(gzipped())
        self.reader.start()
        self.wall += KEPT + 1
        self.clock.advance(DAY - PERIOD)
        self.assertEqual(1, len(self.organizations()))
        self.clock.advance(PERIOD)
        self.assertEqual([], self.organizations())

    def to_admin(self) -> list[bytes]:
        """The messages that were handed over to the admin."""
        for each, _, _ in self.handover.taken:
            self.assertEqual([address("ann@example.org")], [p.address for p in each.recipients])
        return [content for _, content, _ in self.handover.taken]

    def test_what_is_no_report_goes_to_the_admin(self) -> None:
        self.add(b"Subject: hello\r\n\r\nhello\r\n")
        self.add(gzipped(NEW.replace(b">example.org</domain><p>", b">other.example</domain><p>")))
        self.reader.start()
        self.assertEqual([], self.organizations())
        self.assertEqual({}, self.store.boxes)
        first, _ = self.to_admin()
        self.assertTrue(first.endswith(b"\r\nSubject: hello\r\n\r\nhello\r\n"))

    def test_it_keeps_its_reverse_path(self) -> None:
        top = Content((b"Return-Path: <sue@far.example>\r\nDelivered-To: dmarc@example.org\r\n",))
        now(self.incoming.deliver((top, Content((b"\r\nhello\r\n",)))))
        self.add(b"\r\nhello\r\n")
        self.reader.start()
        paths = [each.reverse_path for each, _, _ in self.handover.taken]
        self.assertEqual([address("sue@far.example"), None], paths)

    def test_a_report_that_is_junk_is_not_believed(self) -> None:
        results = (
            b"Authentication-Results: mx.x;\r\n\tdmarc=fail header.from=a.org\r\n"
            b"\t policy.applied-disposition=quarantine\r\n"
        )
        self.add(results + gzipped())
        self.add(results.replace(b"mx.x", b"mx.y") + gzipped(OLD))
        self.reader.start()
        self.assertEqual(["old.example"], self.organizations())
        self.assertEqual(1, len(self.to_admin()))

    def test_or_to_the_account_of_the_address(self) -> None:
        self.view = view_of(domain("example.org", "ann dmarc"))
        self.add(b"Subject: hello\r\n\r\nhello\r\n")
        self.reader.start()
        self.assertEqual(["dmarc@example.org"], list(self.store.boxes))

    def test_without_a_reader_it_waits(self) -> None:
        self.admin = None
        self.add(b"Subject: hello\r\n\r\nhello\r\n")
        self.reader.start()
        self.clock.advance(PERIOD)
        self.assertEqual(["incoming"], list(self.store.boxes))
        self.assertEqual(1, len(self.events.lines))  # and not one each round
        self.admin = address("ann@example.org")
        self.clock.pump([PERIOD] * int(RETRY / PERIOD))
        self.assertEqual(1, len(self.to_admin()))
        self.assertEqual({}, self.store.boxes)

    def test_it_waits_while_it_cannot_be_delivered(self) -> None:
        self.handover.status = FULL
        self.add(b"Subject: hello\r\n\r\nhello\r\n")
        self.view = view_of(domain("example.org", "dmarc"))
        self.store.answers["dmarc@example.org"] = FULL
        self.reader.start()
        self.assertEqual(["incoming"], list(self.store.boxes))
        self.view = view_of(domain("example.org", "ann"))
        self.clock.pump([PERIOD] * int(RETRY / PERIOD))
        self.assertEqual(["incoming"], list(self.store.boxes))
        self.assertEqual(1, len(self.to_admin()))

    def test_a_period_that_cannot_be(self) -> None:
        """Such a report would count as the newest one for ever."""
        self.add(gzipped(NEW.replace(b"<end>1795651199", b"<end>9995651199")))
        self.add(gzipped(NEW.replace(b"<begin>1795564800", b"<begin>1")))
        self.reader.start()
        self.assertEqual([], self.organizations())
        self.assertEqual(2, len(self.to_admin()))

    def test_subdomains_are_of_this_host(self) -> None:
        self.add(gzipped(NEW.replace(b">example.org</domain><p>", b">a.example.org</domain><p>")))
        self.reader.start()
        self.assertEqual(1, len(results_about(self.data, "a.example.org", 0)))

    def test_a_database_that_cannot_be_used(self) -> None:
        with open(self.data, "w", encoding="utf-8"):
            pass
        self.add(gzipped())
        self.reader.start()
        self.assertEqual(["incoming"], list(self.store.boxes))
        (line,) = self.events.lines
        self.assertIn("waits", line)
        self.clock.pump([PERIOD] * 10)
        self.assertEqual([line], self.events.lines)  # and not one each round

    def test_one_that_cannot_be_read_does_not_stop_the_others(self) -> None:
        self.add(gzipped())
        self.add(gzipped(OLD))
        calls = []

        def failing_once(work: Any) -> Deferred[Any]:
            calls.append(work)
            return fail(OSError(5, "Input/output error")) if len(calls) == 1 else here(work)

        self.patch(self.kind, "_in_thread", failing_once)
        self.reader.start()
        self.assertEqual(["old.example"], self.organizations())
        self.assertEqual(1, len(self.store.boxes["incoming"]))
        self.clock.pump([PERIOD] * int(RETRY / PERIOD))
        self.assertEqual(["Far Mail", "old.example"], sorted(self.organizations()))


class DatabaseTests(SynchronousTestCase):
    """Reports that are kept."""

    def test_a_report_comes_back_as_it_was(self) -> None:
        data = self.mktemp()
        report = read_report(NEW)
        self.assertTrue(keep_report(data, report))
        (found,) = results_about(data, "example.org", report.end - 1)
        self.assertEqual((report.rows[0], report.published), (found.row, found.published))
        self.assertEqual([], results_about(data, "example.org", report.end))

    def test_the_rows_of_all_domains_are_bounded(self) -> None:
        self.patch(received, "MOST_ROWS", 300)
        data = self.mktemp()
        report = read_report(NEW)
        for number in range(400):
            about = replace(report.published, domain=f"d{number}.example.org")
            keep_report(data, replace(report, published=about, end=report.end + number))
        kept = [n for n in range(400) if results_about(data, f"d{n}.example.org", 0)]
        self.assertEqual(kept[-1], 399)
        self.assertLessEqual(len(kept) * len(report.rows), 300)

    def test_old_reports_are_removed(self) -> None:
        data = self.mktemp()
        report = read_report(NEW)
        keep_report(data, report)
        forget_old(reports_database(data), report.end + KEPT)
        self.assertEqual(1, len(results_about(data, "example.org", 0)))
        forget_old(reports_database(data), report.end + KEPT + 1)
        self.assertEqual([], results_about(data, "example.org", 0))
        self.assertTrue(keep_report(data, report))
