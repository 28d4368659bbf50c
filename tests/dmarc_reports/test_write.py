"""Written reports are right by the schema of RFC 9990, and are read back as they were."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from twisted.trial.unittest import SynchronousTestCase

from mailhost.dmarc_reports.read import read_report
from mailhost.dmarc_reports.report import AggregateReport, CheckedDomain, Row
from mailhost.dmarc_reports.write import write_report
from mailhost.interfaces.authentication import PublishedPolicy
from tests.dmarc_reports.samples import NEW

SCHEMA = Path(__file__).parent / "rfc9990.xsd"
DOMAINS = st.sampled_from(["a.example", "xn--bcher-kva.example", "b.c.example"])
POLICIES = st.sampled_from(["none", "quarantine", "reject"])
SELECTORS = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=9)
ROWS = st.builds(
    Row,
    source=st.ip_addresses().map(str),
    count=st.integers(1, 1 << 40),
    disposition=st.sampled_from(["none", "pass", "quarantine", "reject"]),
    dkim=st.booleans(),
    spf=st.booleans(),
    author=DOMAINS,
    envelope_from=st.sampled_from(["", "a.example"]),
    signatures=st.lists(
        st.builds(
            CheckedDomain, DOMAINS, st.sampled_from(["pass", "fail", "temperror"]), SELECTORS
        ),
        max_size=3,
    ).map(tuple),
    spf_result=st.none() | st.builds(CheckedDomain, DOMAINS, st.sampled_from(["pass", "softfail"])),
    override=st.sampled_from(["", "local_policy", "trusted_forwarder"]),
)
REPORTS = st.builds(
    AggregateReport,
    organization=st.just("mx.example"),
    email=st.just("postmaster@mx.example"),
    report_id=st.just("0123456789abcdef"),
    begin=st.just(1795564800),
    end=st.just(1795651199),
    published=st.builds(
        PublishedPolicy,
        DOMAINS,
        POLICIES,
        POLICIES,
        POLICIES,
        st.booleans(),
        st.booleans(),
        st.booleans(),
        st.sampled_from(["", "0", "1:d:s"]),
    ),
    rows=st.lists(ROWS, min_size=1, max_size=3).map(tuple),
)


class WritingTests(SynchronousTestCase):
    """XML of reports."""

    schema = etree.XMLSchema(etree.parse(str(SCHEMA)))

    def test_the_schema_knows_what_is_wrong(self) -> None:
        self.schema.assertValid(etree.fromstring(NEW))
        self.assertFalse(self.schema.validate(etree.fromstring(NEW.replace(b">none<", b">may<"))))

    @given(REPORTS)
    def test_right_and_read_back(self, report: AggregateReport) -> None:
        xml = write_report(report)
        self.schema.assertValid(etree.fromstring(xml))
        self.assertEqual(report, read_report(xml))
