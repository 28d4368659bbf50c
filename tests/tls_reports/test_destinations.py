"""Where reports go."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.aggregate_reports.report import NotNow
from mailhost.interfaces.dns import Found
from mailhost.tls_reports.destinations import MOST_DESTINATIONS, find_destinations
from tests.lookups import answered


def found(*records: str | bytes) -> list[str]:
    """The destinations of blue.com with these records."""
    octets = [each.encode() if isinstance(each, str) else each for each in records]
    machine = find_destinations("blue.com")
    return list(map(str, answered(machine, {("TXT", "_smtp._tls.blue.com"): octets})))


class DestinationTests(SynchronousTestCase):
    """Destinations of blue.com."""

    def test_mail_and_web(self) -> None:
        record = (
            "v=TLSRPTv1; rua=mailto:a@blue.com , HTTPS://r.red.net:8443/v1?x=1,"
            "mailto:b%2Bc@red.net;"
        )
        wanted = ["mailto:a@blue.com", "HTTPS://r.red.net:8443/v1?x=1", "mailto:b+c@red.net"]
        self.assertEqual(wanted, found(record))

    def test_unknown_fields_are_ignored(self) -> None:
        self.assertEqual(["mailto:a@blue.com"], found("v=TLSRPTv1;x-y.z=1;rua=mailto:a@blue.com"))

    def test_no_record_and_several(self) -> None:
        one = "v=TLSRPTv1;rua=mailto:a@blue.com"
        self.assertEqual([], found())
        self.assertEqual([], found("v=spf1 -all", "v=TLSRPTv2;rua=mailto:a@blue.com"))
        self.assertEqual([], found(one, one))
        self.assertEqual(["mailto:a@blue.com"], found(one, "v=spf1 -all"))

    def test_what_cannot_be_used(self) -> None:
        for uri in (
            "",
            "mailto:",
            "mailto:a",
            "mailto:a@[192.0.2.1]",
            "mailto:a@b.example",
            "mailto:%ff@blue.com",
            "mailto:a@blue.com!10m",
            "http://blue.com/",
            "https://",
            "https://localhost/",
            "https://ann:secret@blue.com/",
            "https://blue.com:99999/",
            "https://bl ue.com/",
            "https://[::1/",
            "ftp://blue.com/",
        ):
            self.assertEqual([], found(f"v=TLSRPTv1; rua={uri}"), uri)
        self.assertEqual([], found(b"v=TLSRPTv1; rua=https://bl\xff.com/"))
        self.assertEqual([], found("v=TLSRPTv1; nothing"))

    def test_bounds(self) -> None:
        many = ",".join(f"mailto:a{number}@blue.com" for number in range(50))
        self.assertEqual(MOST_DESTINATIONS, len(found(f"v=TLSRPTv1; rua={many}")))
        self.assertEqual([], found(f"v=TLSRPTv1; rua=mailto:a@blue.com; x={'x' * 9000}"))

    def test_dns_that_does_not_answer(self) -> None:
        records = {("TXT", "_smtp._tls.blue.com"): Found.FAILED}
        with self.assertRaises(NotNow):
            answered(find_destinations("blue.com"), records)
