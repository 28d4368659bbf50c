"""TARGETs as the operator writes them."""

from __future__ import annotations

from hypothesis import given, strategies
from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.target import (
    BadTarget,
    Domain,
    Recipient,
    Server,
    Target,
    domain_of,
    parse_target,
)
from mailhost.message.address import parse_address

GOOD: tuple[tuple[str, Target], ...] = (
    ("example.org", Domain("example.org")),
    (" Example.ORG. ", Domain("example.org")),
    ("Bücher.example", Domain("xn--bcher-kva.example")),
    ("mail.example.org:25", Server("mail.example.org", 25)),
    ("bücher.example:587", Server("xn--bcher-kva.example", 587)),
    ("192.0.2.1", Server("192.0.2.1")),
    ("192.0.2.1:465", Server("192.0.2.1", 465)),
    ("2001:db8::0:1", Server("2001:db8::1")),
    ("[2001:db8::1]:25", Server("2001:db8::1", 25)),
    ("[192.0.2.1]", Server("192.0.2.1")),
    ("[IPv6:2001:db8::1]:25", Server("2001:db8::1", 25)),
    ("localhost", Server("localhost")),
    ("localhost:2525", Server("localhost", 2525)),
    ("ann@Example.org", Recipient(parse_address("ann@example.org"))),
    ("<ann@example.org>", Recipient(parse_address("ann@example.org"))),
    ("jörg@bücher.example", Recipient(parse_address("jörg@xn--bcher-kva.example"))),
    ("ann@[192.0.2.1]", Recipient(parse_address("ann@[192.0.2.1]"))),
)
BAD = (
    *("", ".", "a b", "@example.org", "ann@", "ann@exa mple", "https://example.org", "192.0.2"),
    *("example.org:", "example.org:x", "example.org:0", "example.org:65536", ":25", "[x]:25"),
    *("example.org:²5", "a..example", "-.example", "[192.0.2.1", "2001:db8::1::2", "x" * 300),
)


class TargetTests(SynchronousTestCase):
    def test_each_kind(self) -> None:
        for text, target in GOOD:
            self.assertEqual(target, parse_target(text), text)

    def test_wrong_texts(self) -> None:
        for text in BAD:
            error = self.assertRaises(BadTarget, parse_target, text)
            self.assertIn("a TARGET is a domain, a host, host:port, or a mail address", str(error))

    @given(strategies.text())
    def test_any_text(self, text: str) -> None:
        try:
            target = parse_target(text)
        except BadTarget:
            return
        self.assertTrue(domain_of(target) or isinstance(target, Server))
