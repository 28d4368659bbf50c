"""Records: what is read, what is a fault."""

from __future__ import annotations

from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.spf.record import BadRecord, Qualifier, is_spf, parse_record

tokens = st.sampled_from(
    [
        "a",
        "mx",
        "ip4:",
        "192.0.2.1",
        "/",
        "32",
        ":",
        "%{d}",
        "%",
        "{",
        "=",
        "exp",
        " ",
        "-",
        "all",
        ".",
    ]
)


class Records(SynchronousTestCase):
    def test_which_records_are_of_spf(self) -> None:
        for record in (b"v=spf1", b"v=spf1 -all", b"V=SPF1 "):
            self.assertTrue(is_spf(record), record)
        for record in (b"", b"v=spf10", b"v=spf1\t-all", b" v=spf1", b"spf2.0/pra"):
            self.assertFalse(is_spf(record), record)

    def test_mechanisms_and_modifiers(self) -> None:
        record = parse_record(
            b"v=spf1  A:b.example/24//64 ?ip4:192.0.2.77/24 mx//0 -ALL "
            b"other=%{d}: redirect=c.example exp=e.%{d}"
        )
        first, second, third, last = record.mechanisms
        self.assertEqual((first.target, first.prefix4, first.prefix6), (("b.example",), 24, 64))
        self.assertEqual(second.network, ip_network("192.0.2.0/24"))
        self.assertEqual(second.qualifier, Qualifier.NEUTRAL)
        self.assertEqual((third.target, third.prefix4, third.prefix6), (None, 32, 0))
        self.assertEqual((last.kind, last.qualifier, last.text), ("all", Qualifier.FAIL, "-ALL"))
        self.assertEqual(record.redirect, ("c.example",))
        self.assertIsNotNone(record.explanation)

    def test_faults(self) -> None:
        for terms in (
            "allow",
            "all:b.example",
            "all/8",
            "+-all",
            "a:",
            "a:/24",
            "a/33",
            "a/024",
            "a//129",
            "a/24/64",
            "a:example",
            "a:b.123",
            "a:b.example:80",
            "a:b.%{x}",
            "a:%{c}.example",
            "a:%{d0}.example",
            "a:%(d).example",
            "include",
            "include:",
            "include:b.example/24",
            "exists",
            "ptr/24",
            "ptr:",
            "ip4:",
            "ip4:192.0.2",
            "ip4:192.0.2.1/",
            "ip4:192.0.2.1//64",
            "ip4:192.0.2.1/255.255.255.0",
            "ip6:192.0.2.1",
            "ip6:::1/129",
            "ip6:fe80::1%1",
            "redirect=",
            "redirect=a.example redirect=a.example",
            "exp=a.example exp=a.example",
            "exp=a.example/24",
            "=x",
            "a b",
            "x=%",
            "-all\0",
            "ä",
        ):
            record = f"v=spf1 {terms}".encode()
            error = self.assertRaises(BadRecord, parse_record, record)
            self.assertTrue(str(error).isprintable())

    def test_a_long_record(self) -> None:
        self.assertRaises(BadRecord, parse_record, b"v=spf1 " + b"a " * 32_000)

    @given(st.lists(tokens, max_size=12).map("".join))
    def test_any_text_is_a_record_or_a_fault(self, terms: str) -> None:
        try:
            parse_record(f"v=spf1 {terms}".encode())
        except BadRecord as bad:
            self.assertTrue(str(bad))
