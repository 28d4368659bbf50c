"""The tree walk: which names are asked, and which domain is the organizational one."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailhost.dmarc.walk import WalkFailed, targets, walk
from mailhost.interfaces.dns import Found, Question
from tests.lookups import answered


def organization(start: str, **records: str | Found) -> str:
    """The organizational domain, with records by domain; `_` stands for a dot."""
    zone: dict[tuple[str, str], Any] = {}
    for name, record in records.items():
        found = record if isinstance(record, Found) else [f"v=DMARC1; {record}".encode()]
        zone["TXT", f"_dmarc.{name.replace('_', '.')}"] = found
    return answered(walk(start), zone).organizational_domain


class Walks(SynchronousTestCase):
    def test_the_names_that_are_asked(self) -> None:
        for start, wanted in (
            ("com", "com"),
            ("a.example.com", "a.example.com example.com com"),
            (
                "a.b.c.d.e.f.mail.example.com",
                "a.b.c.d.e.f.mail.example.com c.d.e.f.mail.example.com d.e.f.mail.example.com "
                "e.f.mail.example.com f.mail.example.com mail.example.com example.com com",
            ),
            (
                "b.c.d.e.f.mail.example.com",
                "b.c.d.e.f.mail.example.com c.d.e.f.mail.example.com d.e.f.mail.example.com "
                "e.f.mail.example.com f.mail.example.com mail.example.com example.com com",
            ),
        ):
            self.assertEqual(list(targets(start)), wanted.split(" "))

    def test_the_organizational_domain(self) -> None:
        start = "a.mail.example.com"
        for records, wanted in (
            ({}, start),
            ({"example_com": "p=none"}, "example.com"),
            ({"mail_example_com": "p=none", "example_com": "p=none"}, "example.com"),
            ({"com": "psd=y"}, "example.com"),
            ({"com": "psd=y", "mail_example_com": "p=none"}, "example.com"),
            ({"example_com": "psd=y"}, "mail.example.com"),
            ({"mail_example_com": "psd=n", "example_com": "p=none"}, "mail.example.com"),
            ({"a_mail_example_com": "psd=y"}, start),
            ({"a_mail_example_com": "psd=n"}, start),
            ({"com": "p=none"}, "com"),
        ):
            self.assertEqual(organization(start, **records), wanted, records)

    def test_the_record_that_applies(self) -> None:
        start = "a.mail.example.com"
        for domains, wanted in (
            ((), ""),
            (("mail.example.com",), "mail.example.com"),
            (("mail.example.com", "example.com"), "example.com"),
            ((start, "example.com"), start),
        ):
            zone = {("TXT", f"_dmarc.{domain}"): [b"v=DMARC1; p=none"] for domain in domains}
            self.assertEqual(answered(walk(start), zone).policy_record[0], wanted, domains)

    def test_the_walk_ends_where_a_record_says_what_it_is(self) -> None:
        for suffix in "yn":
            asked: list[Question[Any]] = []
            zone = {("TXT", "_dmarc.example.com"): [f"v=DMARC1; psd={suffix}".encode()]}
            answered(walk("a.example.com"), zone, asked)
            self.assertEqual(
                [each.name for each in asked], ["_dmarc.a.example.com", "_dmarc.example.com"]
            )

    def test_several_records_are_discarded(self) -> None:
        zone = {("TXT", "_dmarc.a.example"): [b"v=DMARC1", b"v=spf1", b"v=DMARC1; p=none"]}
        self.assertEqual(answered(walk("a.example"), zone).found, ())
        zone = {("TXT", "_dmarc.a.example"): [b"v=spf1", b"v=DMARC1; p=none"]}
        self.assertEqual(len(answered(walk("a.example"), zone).found), 1)

    def test_dns_that_fails(self) -> None:
        error = self.assertRaises(WalkFailed, organization, "a.example", example=Found.FAILED)
        self.assertIn("_dmarc.example", str(error))
