"""The XML of reports: both schemas, and hostile input."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.aggregate_reports.report import BadReport
from mailhost.dmarc_reports import read
from mailhost.dmarc_reports.read import read_report
from mailhost.dmarc_reports.report import CheckedDomain
from mailhost.interfaces.authentication import PublishedPolicy
from tests.dmarc_reports.samples import NEW, OLD

RECORD = NEW[NEW.index(b" <record>") : NEW.index(b"</feedback>")]


class ReadingTests(SynchronousTestCase):
    """Reports that are read."""

    def test_new_schema(self) -> None:
        report = read_report(NEW)
        self.assertEqual(
            (report.organization, report.email, report.report_id),
            ("Far Mail", "dmarc@far.example", "one@far.example"),
        )
        self.assertEqual((report.begin, report.end), (1795564800, 1795651199))
        self.assertEqual(
            report.published,
            PublishedPolicy("example.org", "none", "quarantine", "reject", True, False, True),
        )
        (row,) = report.rows
        self.assertEqual(
            (row.source, row.count, row.dkim, row.spf), ("192.0.2.25", 12, True, False)
        )
        self.assertEqual((row.author, row.override), ("example.org", "mailing_list"))
        self.assertEqual(
            row.signatures,
            (
                CheckedDomain("example.org", "pass", "a1"),
                CheckedDomain("far.example", "fail", "b2"),
            ),
        )
        self.assertEqual(row.spf_result, CheckedDomain("lists.far.example", "pass"))

    def test_old_schema(self) -> None:
        report = read_report(OLD)
        self.assertEqual(
            report.published, PublishedPolicy("example.org", "reject", strict_spf=True)
        )
        (row,) = report.rows
        self.assertEqual(
            (row.source, row.passes, row.disposition), ("2001:db8::1", False, "reject")
        )

    def test_values_of_one_record_do_not_stay_for_the_next(self) -> None:
        empty = RECORD.replace(b"<dkim>pass</dkim>", b"").split(b"<auth_results>")[0]
        empty += b"<auth_results/></record>"
        first, second = read_report(NEW.replace(RECORD, RECORD + empty)).rows
        self.assertTrue(first.dkim)
        self.assertEqual((second.dkim, second.signatures, second.spf_result), (False, (), None))

    def test_latin_1(self) -> None:
        xml = OLD.replace(b'"1.0"', b'"1.0" encoding="iso-8859-1"')
        xml = xml.replace(b"<org_name>old", b"<org_name>\xe4lt")
        self.assertEqual(read_report(xml).organization, "ält.example")


class HostileTests(SynchronousTestCase):
    """Reports that are refused."""

    def refused(self, xml: bytes, why: str) -> None:
        """The report is refused with a text that has `why`."""
        self.assertIn(why, str(self.assertRaises(BadReport, read_report, xml)))

    def test_entities(self) -> None:
        bomb = b'<!DOCTYPE f [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><feedback>&b;</feedback>'
        self.refused(bomb, "document type")
        self.refused(b'<!DOCTYPE f SYSTEM "file:///etc/passwd"><feedback/>', "document type")

    def test_other_xml(self) -> None:
        self.refused(b"<html><body/></html>", "not that of")
        self.refused(b"<feedback>", "not valid XML")
        self.refused(b"<feedback/>", "names no domain")
        self.refused(b"<a>" * 100_000, "not that of")
        self.refused(b"<feedback>" * 100_000, "not that of")
        self.refused(b'<?xml version="1.0" encoding="x-none"?><feedback/>', "not valid XML")

    def test_wrong_values(self) -> None:
        self.refused(NEW.replace(b"192.0.2.25", b"192.0.2.256"), "IP address")
        self.refused(NEW.replace(b">12<", b">-12<"), "not a number")
        self.refused(NEW.replace(b">12<", b">" + b"9" * 5000 + b"<"), "not a number")

    def test_too_many_records(self) -> None:
        self.patch(read, "MOST_ROWS", 3)
        self.assertEqual(len(read_report(NEW.replace(RECORD, RECORD * 3)).rows), 3)
        self.refused(NEW.replace(RECORD, RECORD * 4), "more than 3 records")

    def test_texts_are_bounded(self) -> None:
        report = read_report(NEW.replace(b"Far Mail", b"x" * 1_000_000))
        self.assertEqual(len(report.organization), 1000)

    @given(st.integers(0, len(NEW)), st.integers(0, 60), st.binary(max_size=60))
    def test_anything_is_read_or_refused(self, at: int, length: int, other: bytes) -> None:
        try:
            report = read_report(NEW[:at] + other + NEW[at + length :])
        except BadReport as bad:
            self.assertTrue(str(bad))
        else:
            self.assertLessEqual(len(report.rows), 2)
            self.assertTrue(report.organization.isprintable())
