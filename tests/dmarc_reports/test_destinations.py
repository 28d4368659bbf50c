"""Which addresses get reports."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.aggregate_reports.report import NotNow
from mailhost.dmarc_reports.destinations import (
    MOST_DESTINATIONS,
    ReportDestination,
    find_destinations,
)
from mailhost.interfaces.dns import Found
from tests.fakes import address
from tests.lookups import Records, answered


def record(text: str, **more: object) -> Records:
    """DNS with the policy record of blue.com, and other TXT records; `__` stands for a dot."""
    others = {("TXT", name.replace("__", ".")): value for name, value in more.items()}
    return {("TXT", "_dmarc.blue.com"): [text.encode()], **others}


def found(records: Records, domain: str = "blue.com") -> list[str]:
    """The addresses."""
    return [str(each.address) for each in answered(find_destinations(domain), records)]


CONSENT = "blue__com___report___dmarc__red__net"
TO_RED = "v=DMARC1; p=none; rua=mailto:r@red.net"


class DestinationTests(SynchronousTestCase):
    """Destinations of blue.com."""

    def test_in_the_domain_itself(self) -> None:
        self.assertEqual(
            ["a@blue.com", "b@mail.blue.com"],
            found(record("v=DMARC1; p=none; rua=mailto:a@blue.com , mailto:b@mail.blue.com")),
        )

    def test_a_subdomain_reports_to_its_organization(self) -> None:
        records = {
            ("TXT", "_dmarc.a.blue.com"): [b"v=DMARC1; p=none; rua=mailto:x@blue.com"],
            ("TXT", "_dmarc.blue.com"): [b"v=DMARC1; p=none"],
        }
        self.assertEqual(["x@blue.com"], found(records, "a.blue.com"))

    def test_elsewhere_only_with_consent(self) -> None:
        self.assertEqual([], found(record(TO_RED)))
        self.assertEqual([], found(record(TO_RED, **{CONSENT: [b"v=spf1 -all", b"DMARC1"]})))
        self.assertEqual(["r@red.net"], found(record(TO_RED, **{CONSENT: [b"v=DMARC1"]})))

    def test_consent_that_names_another_address(self) -> None:
        there = record(TO_RED, **{CONSENT: [b"v=DMARC1; rua=mailto:other@red.net"]})
        self.assertEqual(["other@red.net"], found(there))
        elsewhere = record(TO_RED, **{CONSENT: [b"v=DMARC1; rua=mailto:victim@green.org"]})
        self.assertEqual([], found(elsewhere))

    def test_a_name_that_is_too_long(self) -> None:
        domain = ".".join(["x" * 60] * 4)
        records = {("TXT", f"_dmarc.{domain}"): [TO_RED.encode()]}
        self.assertEqual([], found(records, domain))

    def test_dns_cannot_be_asked(self) -> None:
        for records in (
            {("TXT", "_dmarc.blue.com"): Found.FAILED},
            record(TO_RED, **{CONSENT: Found.FAILED}),
            record(TO_RED, _dmarc__red__net=Found.FAILED),
        ):
            self.assertRaises(NotNow, found, records)

    def test_no_record_or_two(self) -> None:
        self.assertEqual([], found({}))
        self.assertEqual([], found({("TXT", "_dmarc.blue.com"): [TO_RED.encode()] * 2}))
        self.assertEqual([], found(record("v=DMARC1; p=none; rua=")))

    def test_sizes(self) -> None:
        text = "v=DMARC1; p=none; rua=mailto:a@blue.com!10m,mailto:b@blue.com?x=y!5"
        self.assertEqual(
            [
                ReportDestination(address("a@blue.com"), 10 << 20),
                ReportDestination(address("b@blue.com"), 5),
            ],
            answered(find_destinations("blue.com"), record(text)),
        )

    def test_uris_that_cannot_be_used(self) -> None:
        for uri in (
            "https://blue.com/",
            "mailto:",
            "mailto:a",
            "mailto:a@[192.0.2.1]",
            "mailto:%ff",
        ):
            self.assertEqual([], found(record(f"v=DMARC1; p=none; rua={uri}")), uri)
        quoted = record("v=DMARC1; p=none; rua=mailto:a%2Bb@blue.com")
        self.assertEqual(["a+b@blue.com"], found(quoted))

    def test_no_more_than_some(self) -> None:
        uris = ",".join(f"mailto:{number}@blue.com" for number in range(100))
        self.assertEqual(MOST_DESTINATIONS, len(found(record(f"v=DMARC1; p=none; rua={uris}"))))
