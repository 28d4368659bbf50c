"""The examples of RFC 7208 §7.4, and the bounds of expansion."""

from __future__ import annotations

from ipaddress import ip_address

from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.dns import Lookups, ask, ptr_of
from mailhost.spf.macros import BadMacro, Identity, expand, expand_name, parse_macros
from tests.lookups import answered

IPV4 = Identity(
    ip_address("192.0.2.3"),
    "strong-bad",
    "email.example.com",
    "email.example.com",
    "mx.example.org",
    "mx.receiver.example",
    1_700_000_000,
)
IPV6 = Identity(
    ip_address("2001:db8::cb01"), "strong-bad", "email.example.com", "email.example.com", ""
)


def name() -> Lookups[str]:
    """The client's name, after a question."""
    reply = yield from ask(ptr_of("3.2.0.192.in-addr.arpa"))
    return reply.records[0] if reply.records else "mx.example.org"


def expanded(text: str, identity: Identity = IPV4, explanation: bool = False) -> str:
    return answered(expand(parse_macros(text, explanation), identity, name), {})


class Macros(SynchronousTestCase):
    def test_examples(self) -> None:
        for text, wanted in (
            ("%{s}", "strong-bad@email.example.com"),
            ("%{o}", "email.example.com"),
            ("%{d}", "email.example.com"),
            ("%{d4}", "email.example.com"),
            ("%{d3}", "email.example.com"),
            ("%{d2}", "example.com"),
            ("%{d1}", "com"),
            ("%{dr}", "com.example.email"),
            ("%{d2r}", "example.email"),
            ("%{l}", "strong-bad"),
            ("%{l-}", "strong.bad"),
            ("%{lr}", "strong-bad"),
            ("%{lr-}", "bad.strong"),
            ("%{l1r-}", "strong"),
            ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
            ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
            (
                "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}",
                "3.2.0.192.in-addr.strong.lp._spf.example.com",
            ),
            ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
            ("%{h}%%%_%-%{p}", "mx.example.org% %20mx.example.org"),
            ("%{S}", "strong-bad%40email.example.com"),
        ):
            self.assertEqual(expanded(text), wanted, text)
        self.assertEqual(
            expanded("%{ir}.%{v}._spf.%{d2}", IPV6),
            "1.0.B.C.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6._spf.example.com",
        )

    def test_explanations(self) -> None:
        text = "%{c} is not one of %{d}'s (%{r}, %{t})"
        wanted = "192.0.2.3 is not one of email.example.com's (mx.receiver.example, 1700000000)"
        self.assertEqual(expanded(text, explanation=True), wanted)

    def test_what_is_none(self) -> None:
        for text in ("%", "%x", "%{", "%{}", "%{d", "%{z}", "%{d0}", "%{dq}", "%{c}", "a b", "é"):
            self.assertRaises(BadMacro, parse_macros, text)

    def test_a_name_that_is_too_long_loses_labels_at_its_left(self) -> None:
        found = answered(expand_name(parse_macros("%{d}." * 20), IPV4, name), {})
        self.assertLessEqual(len(found), 253)
        self.assertTrue(found.endswith(".email.example.com"))

    def test_long_expansions_end(self) -> None:
        self.assertLessEqual(len(expanded("%{s}" * 2000)), 4096)
