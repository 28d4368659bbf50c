"""Addresses: parsing, comparison, printing."""

from __future__ import annotations

import unicodedata

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.address import (
    Address,
    BadAddress,
    literal_address,
    parse_address,
    parse_domain,
    parse_own_address,
    unicode_domain,
)

GOOD = {
    "ann@example.com": ("ann", "example.com"),
    "Ann@EXAMPLE.com": ("Ann", "example.com"),
    "a.b-c_d+e/f=g@x.example": ("a.b-c_d+e/f=g", "x.example"),
    "ann@localhost": ("ann", "localhost"),
    "ann@_srv.example": ("ann", "_srv.example"),
    '"ann"@example.com': ("ann", "example.com"),
    '"a b"@example.com': ("a b", "example.com"),
    '"a@b"@example.com': ("a@b", "example.com"),
    '"a\\"b\\\\c"@example.com': ('a"b\\c', "example.com"),
    '"a\\x"@example.com': ("ax", "example.com"),
    '"> <b@c"@example.com': ("> <b@c", "example.com"),
    "jörg@exämple.com": ("jörg", "xn--exmple-cua.com"),
    "ann@EXÄMPLE.com": ("ann", "xn--exmple-cua.com"),
    "ann@exa\u0308mple.com": ("ann", "xn--exmple-cua.com"),
    "ann@例え。jp": ("ann", "xn--r8jz45g.jp"),
    "用户@例え.jp": ("用户", "xn--r8jz45g.jp"),
    "ann@[192.0.2.1]": ("ann", "[192.0.2.1]"),
    "ann@[IPv6:2001:DB8:0::1]": ("ann", "[IPv6:2001:db8::1]"),
    "ann@[ipv6:::1]": ("ann", "[IPv6:::1]"),
    f"{'a' * 64}@example.com": ("a" * 64, "example.com"),
    f"{'ö' * 32}@example.com": ("ö" * 32, "example.com"),
    f"a@{'x' * 63}.example": ("a", f"{'x' * 63}.example"),
}
BAD = [
    "",
    "@",
    "ann",
    "ann@",
    "@example.com",
    "ann@@example.com",
    ".ann@example.com",
    "ann.@example.com",
    "a..b@example.com",
    "a b@example.com",
    " ann@example.com",
    "ann@example.com ",
    "<ann@example.com>",
    "ann@exam ple.com",
    "ann@-example.com",
    "ann@example-.com",
    "ann@example..com",
    "ann@.example.com",
    "ann@example.com.",
    "ann@example,com",
    "ann@exa\nmple.com",
    "an\rn@example.com",
    "an\0n@example.com",
    "an\x7fn@example.com",
    "an\x85n@example.com",
    "an\u2028n@example.com",
    "an\ud800n@example.com",
    "ann@\ud800.example",
    '"ann@example.com',
    '"an"n"@example.com',
    '"a\nb"@example.com',
    '"a\\\nb"@example.com',
    '"\ud800"@example.com',
    '""@example.com',
    '"ann"example.com',
    '"ann"b@example.com',
    f"{'a' * 641}@example.com",
    f"{'ö' * 321}@example.com",
    f"a@{'x' * 64}.example",
    f"a@{'ö' * 63}.example",
    f"a@{'x.' * 128}example",
    f"a@x{chr(0xAD) * 300}.example",
    "a@[]",
    "a@[192.0.2]",
    "a@[192.0.2.256]",
    "a@[192.0.2.1",
    "a@[IPv6:192.0.2.1]",
    "a@[IPv6:fe80::1%eth0]",
    "a@[2001:db8::1]",
    "a@[x:y]",
    "a@[192.0.2.1].example",
    "a@xn--.ö\u0300\u200d",
]
texts = st.text(max_size=80) | st.text('abö."\\@<> []-+', max_size=30)
locals_ = st.text('aZ09ö用.+-_"\\@<> ()[]:;,', min_size=1, max_size=30) | st.text(
    st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=20
).filter(lambda local: len(local.encode()) <= 64)
domains = st.sampled_from(
    ["example.com", "ä.example", "[192.0.2.1]", "[IPv6:::1]", "a-b.c", "例え.jp"]
)


class ParseTests(SynchronousTestCase):
    def test_good(self) -> None:
        for text, (local, domain) in GOOD.items():
            self.assertEqual(parse_address(text), Address(local, domain), text)

    def test_bad(self) -> None:
        for text in BAD:
            try:
                found = parse_address(text)
            except BadAddress:
                continue
            self.fail(f"{text!r} became {found!r}")

    def test_addresses_of_other_hosts_are_read_leniently_and_kept_as_written(self) -> None:
        for local in ("a..b", "a.", ".a", ".", "ö..ö"):
            self.assertRaises(BadAddress, parse_address, f"{local}@example.com")
        for local in ("a..b", "a.", ".a", ".", "ö..ö", '"a..b"', "a" * 640):
            text = f"{local}@example.com"
            self.assertEqual(str(parse_address(text, lenient=True)), text)
        for text in (
            "a" * 641 + "@x",
            '"' + "\\a" * 320 + '"@x',
            "@x",
            "a@b..c",
            '"a"..@x',
            "a b.@x",
        ):
            self.assertRaises(BadAddress, parse_address, text, lenient=True)

    def test_local_parts_of_this_host_have_64_octets(self) -> None:
        for local in ("a" * 64, "ö" * 32, '"a..b"'):
            parse_own_address(f"{local}@example.com")
        for local in ("a" * 65, "ö" * 33, "a..b"):
            self.assertRaises(BadAddress, parse_own_address, f"{local}@example.com")

    def test_quoted_and_unquoted_forms_name_the_same_mailbox(self) -> None:
        written = [parse_address(f"{local}@x", lenient=True) for local in ("a..B", '"a..B"')]
        self.assertEqual(written[0], written[1])
        self.assertEqual(len({*written}), 1)
        self.assertEqual({each.key for each in written}, {"a..b"})

    def test_the_text_of_the_exception_is_short(self) -> None:
        error = self.assertRaises(BadAddress, parse_address, "x" * 1_000_000)
        self.assertLess(len(str(error)), 500)

    @settings(deadline=None)
    @given(texts)
    def test_any_text_is_an_address_or_is_none(self, text: str) -> None:
        try:
            found = parse_address(text)
        except BadAddress:
            return
        self.assertEqual(parse_address(str(found)), found)
        self.assertEqual(str(parse_address(text, lenient=True)), str(found))
        self.assertEqual(bytes(found).decode(), str(found))
        self.assertTrue(str(found).isprintable() or not text.isprintable())

    @settings(deadline=None)
    @given(locals_, domains)
    @example("a b", "example.com")
    @example('"', "example.com")
    def test_a_printed_address_is_read_as_the_same(self, local: str, domain: str) -> None:
        self.assertEqual(
            parse_address(str(Address(local, parse_domain(domain)))),
            Address(local, parse_domain(domain)),
        )

    @settings(deadline=None)
    @given(st.text(max_size=40))
    def test_domains_have_one_form(self, text: str) -> None:
        try:
            domain = parse_domain(text)
        except BadAddress:
            return
        self.assertEqual(parse_domain(domain), domain)
        self.assertTrue(domain.isascii())
        unicode_domain(domain)

    def test_the_bare_postmaster(self) -> None:
        self.assertEqual(str(Address("postmaster", "")), "postmaster")


class CompareTests(SynchronousTestCase):
    def test_case_and_composition_do_not_matter(self) -> None:
        for one, other in (
            ("Ann", "aNN"),
            ("JÖRG", "jo\u0308rg"),
            ("Straße", "STRASSE"),
            ("ΑΣ", "ας"),
            ("\u1f80", "\u1f08\u0345"),
        ):
            self.assertEqual(Address(one, "x").key, Address(other, "x").key)

    @settings(deadline=None)
    @given(st.text(max_size=20))
    def test_a_key_is_its_own_key(self, local: str) -> None:
        key = Address(local, "x").key
        self.assertEqual(Address(key, "x").key, key)
        composed = unicodedata.normalize("NFC", local)
        self.assertEqual(Address(composed, "x").key, key)

    def test_addresses_that_need_smtputf8(self) -> None:
        self.assertTrue(parse_address("ann@exämple.com").ascii)
        self.assertFalse(parse_address("jörg@example.com").ascii)


class DomainTests(SynchronousTestCase):
    def test_literals(self) -> None:
        self.assertEqual(literal_address("[192.0.2.1]"), "192.0.2.1")
        self.assertEqual(literal_address("[IPv6:2001:db8::1]"), "2001:db8::1")
        self.assertIsNone(literal_address("example.com"))

    def test_unicode_domains(self) -> None:
        self.assertEqual(unicode_domain("xn--exmple-cua.com"), "exämple.com")
        self.assertEqual(unicode_domain("example.com"), "example.com")
        for broken in ("xn--a.example", "xn--0000000000000.example", "xn--.example"):
            self.assertEqual(unicode_domain(broken), broken)
