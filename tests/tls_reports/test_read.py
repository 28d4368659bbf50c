"""Reports that are read: those of the RFC, those that are written here, and hostile ones."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
import zlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.aggregate_reports.report import BadReport
from mailhost.aggregate_reports.unpack import file_of_message, unpack
from mailhost.interfaces.tls_sessions import AppliedPolicy, PolicyType, TLSFailure
from mailhost.tls_reports import read
from mailhost.tls_reports.read import read_report
from mailhost.tls_reports.report import FailureDetail, PolicyResult, TLSReport
from mailhost.tls_reports.unpack import JSON
from mailhost.tls_reports.write import write_report
from tests.tls_reports.samples import EXAMPLE, as_json, message

BEGIN = 1459468800  # 2016-04-01
POLICY = AppliedPolicy(
    PolicyType.STS,
    "company-y.example",
    ("version: STSv1", "mode: testing", "mx: *.mail.company-y.example", "max_age: 86400"),
    ("*.mail.company-y.example",),
)
TEXTS = st.sampled_from(['"', "\\u0000", "ö", "\U0001f600", "mode: x", "{[,"])
IPS = st.sampled_from(["", "192.0.2.1", "2001:db8::1"])
HOSTS = st.sampled_from(["mx.a.example", "xn--bcher-kva.example", "a.example"])
DETAILS = st.builds(
    FailureDetail,
    result=st.sampled_from([str(each) for each in TLSFailure]),
    count=st.integers(1, 1 << 40),
    mx=st.just("") | HOSTS,
    ip=IPS,
    own_ip=IPS,
    reason=st.just("") | TEXTS,
)
RESULTS = st.builds(
    lambda policy, successes, more, details: PolicyResult(
        policy, successes, more + sum(each.count for each in details), tuple(details)
    ),
    st.builds(
        AppliedPolicy,
        st.sampled_from(PolicyType),
        HOSTS,
        st.lists(TEXTS, max_size=3).map(tuple),
        st.lists(HOSTS, max_size=3).map(tuple),
    ),
    st.integers(0, 1 << 40),
    st.integers(0, 5),
    st.lists(DETAILS, max_size=2),
)
SIMPLE = st.sampled_from([None, True, -1, 1 << 70, 1e300, float("nan"), "", "x", "\x00\ud800"])
LISTS = st.lists(SIMPLE, max_size=3)
TABLES = st.dictionaries(
    st.sampled_from(["policy-domain", "mx-host", "policy-string", "failed-session-count"]),
    SIMPLE | LISTS,
    max_size=3,
)
VALUES = SIMPLE | LISTS | TABLES | st.lists(TABLES, max_size=2)


class ExampleTests(SynchronousTestCase):
    """The example of RFC 8460, appendix B."""

    def test_it_is_read(self) -> None:
        report = read_report(as_json())
        self.assertEqual(
            ("company-y.example", "Company-X", "sts-reporting@company-x.example"),
            (report.domain, report.organization, report.contact),
        )
        self.assertEqual((BEGIN, BEGIN + 86_399), (report.begin, report.end))
        (result,) = report.results
        self.assertEqual((POLICY, 5326, 303), (result.policy, result.successes, result.failures))
        expired, no_tls, other = result.details
        self.assertEqual(("certificate-expired", 100), (expired.result, expired.count))
        self.assertEqual("203.0.113.56", no_tls.ip)
        self.assertEqual("X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED", other.reason)

    def test_what_is_written_has_the_same_form(self) -> None:
        """The report that was read is written with the very keys and values of the example."""
        self.assertEqual(EXAMPLE, json.loads(write_report(read_report(as_json()))))

    def test_without_a_policy(self) -> None:
        none = AppliedPolicy(PolicyType.NONE, "a.example")
        report = TLSReport("a.example", "X", "a@x", "1", 0, 9, (PolicyResult(none, 3, 0),))
        (found,) = json.loads(write_report(report))["policies"]
        self.assertEqual(
            {"policy-type": "no-policy-found", "policy-domain": "a.example"}, found["policy"]
        )
        self.assertNotIn("failure-details", found)

    @given(st.lists(RESULTS, min_size=1, max_size=2))
    def test_reports_are_read_as_they_were_written(self, results: list[PolicyResult]) -> None:
        domain = results[0].policy.domain
        report = TLSReport(domain, "Ö", "a@x.example", "1@x", BEGIN, BEGIN + 9, tuple(results))
        self.assertEqual(report, read_report(write_report(report)))


class OddTests(SynchronousTestCase):
    """What reporters really send."""

    def test_numbers_as_texts_and_other_times(self) -> None:
        text = as_json().replace(b"5326", b'"5326"')
        text = text.replace(b"2016-04-01T00:00:00Z", b"2016-04-01T02:00:00.000+02:00")
        report = read_report(text.replace(b"2016-04-01T23:59:59Z", b"2016-04-01"))
        self.assertEqual(5326, report.results[0].successes)
        self.assertEqual((BEGIN, BEGIN), (report.begin, report.end))

    def test_texts_for_lists(self) -> None:
        """`mx-host` is a text in the grammar."""
        policy = EXAMPLE["policies"][0]["policy"] | {
            "mx-host": "MX.example.org.",
            "policy-string": "version: STSv1\r\nmode: enforce\r\n",
        }
        report = read_report(as_json(policies=[{"policy": policy}]))
        found = report.results[0].policy
        self.assertEqual(("version: STSv1", "mode: enforce"), found.lines)
        self.assertEqual(("MX.example.org.",), found.mx)

    def test_unknown_policies_and_results(self) -> None:
        text = as_json().replace(b'"sts"', b'"new"').replace(b'"certificate-expired"', b'"a b"')
        (result,) = read_report(text).results
        self.assertEqual(PolicyType.NONE, result.policy.kind)
        self.assertEqual("", result.details[0].result)

    def test_more_details_than_failures(self) -> None:
        text = as_json().replace(b'"total-failure-session-count": 303', b'"x": 1')
        self.assertEqual(303, read_report(text).results[0].failures)


class HostileTests(SynchronousTestCase):
    """Reports that are made to do harm."""

    def refused(self, text: bytes) -> str:
        """Return why a report is refused; the time for that is short."""
        begun = time.process_time()
        error = self.assertRaises(BadReport, read_report, text)
        self.assertLess(time.process_time() - begun, 1.0)
        return str(error)

    def test_no_report(self) -> None:
        for text in (b"", b"[]", b"{}", b"\xff{", b'{"policies": 5}', as_json(policies=[])):
            self.assertTrue(self.refused(text))
        self.assertIn("period", self.refused(as_json(**{"date-range": {}})))
        self.assertIn("identifier", self.refused(as_json(**{"report-id": 7})))

    def test_deep(self) -> None:
        self.assertIn("too many", self.refused(b"[" * 1_000_000))
        self.assertTrue(self.refused(b'{"a":' * 40_000 + b"1" + b"}" * 40_000))

    def test_long_numbers(self) -> None:
        self.assertTrue(self.refused(as_json().replace(b"5326", b"9" * 1_000_000)))
        report = read_report(as_json().replace(b"5326", b"9" * 100).replace(b"303", b"-1"))
        self.assertEqual(1 << 48, report.results[0].successes)

    def test_huge_counts_that_are_no_numbers(self) -> None:
        for value in (b"1e400", b"NaN", b"true", b"null", b'"x"', b"{}", b"-5"):
            report = read_report(as_json().replace(b"5326", value))
            self.assertEqual(0, report.results[0].successes, value)

    def test_wide(self) -> None:
        self.assertIn("too many", self.refused(as_json(policies=[{}] * 60_000)))
        policy = EXAMPLE["policies"][0] | {"failure-details": [{"failed-session-count": 1}] * 6000}
        report = read_report(as_json(policies=[policy] * 3))
        self.assertEqual(read.MOST_DETAILS, sum(len(each.details) for each in report.results))

    def test_control_characters(self) -> None:
        name = "\x1b[2Jx\ud800" + "y" * 10_000
        report = read_report(as_json(**{"organization-name": name}))
        self.assertTrue(report.organization.isprintable())
        self.assertLessEqual(len(report.organization), read.LONGEST_TEXT)
        report.organization.encode()

    @given(st.sampled_from(sorted(EXAMPLE)), VALUES)
    def test_values_of_wrong_types(self, key: str, value: Any) -> None:
        policies = [value, {"policy": value, "summary": value, "failure-details": value}]
        for text in (as_json(**{key: value}), as_json(policies=policies)):
            try:
                report = read_report(text)
            except BadReport as bad:
                self.assertTrue(str(bad))
            else:
                self.assertTrue(report.results and report.domain)

    def test_bombs(self) -> None:
        packing = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
        start = packing.compress(b"{") + packing.flush(zlib.Z_FULL_FLUSH)
        piece = packing.compress(b" " * (1 << 24)) + packing.flush(zlib.Z_FULL_FLUSH)
        packed = start + piece * 600
        tracemalloc.start()
        try:
            error = self.assertRaises(BadReport, unpack, packed, JSON)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        self.assertIn("more than", str(error))
        self.assertLess(peak, len(packed) + 3 * JSON.largest)

    def test_files(self) -> None:
        text = as_json()
        for attached, kind in ((gzip.compress(text), "gzip"), (text, "json")):
            self.assertEqual(text, file_of_message(message(attached, kind=kind), JSON))
