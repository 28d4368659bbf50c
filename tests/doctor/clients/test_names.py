"""Which names tell strangers apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.clients.names import domain_of


class DomainTests(SynchronousTestCase):
    def test_the_domain_of_an_organization(self) -> None:
        for name, domain in {
            "mail-a.google.com": "google.com",
            "MX.Bund.DE.": "bund.de",
            "bund.de": "bund.de",
            "a.b.firm.co.uk": "firm.co.uk",
            "mx_1.far-away.net": "far-away.net",
        }.items():
            self.assertEqual(domain_of(name), domain, name)

    def test_names_that_say_nothing(self) -> None:
        for name in (
            "",
            "localhost",
            "DESKTOP-17",
            "pc.office.lan",
            "app.internal",
            "printer.local",
            "7.168.192.in-addr.arpa",
            "client.example",
            "mx.test",
            "192.0.2.7",
            "[192.0.2.7]",
            "[IPv6:2001:db8::1]",
            "..",
            "a..com",
            "a b.com",
            "a\x1b.com",
            "jörg.de",
            "x." * 200 + "com",
        ):
            self.assertEqual(domain_of(name), "", name)

    @given(st.text(max_size=300))
    def test_any_text(self, text: str) -> None:
        found = domain_of(text)
        self.assertTrue(found.isascii() and found.isprintable() and len(found) <= 255)
