"""Lists of networks and names, against plain and slow models of them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.lists import BadEntry, Globs, Names, Networks, entries_of

IPV4 = st.integers(0, 15).map(lambda number: str(IPv4Address(0xC0000200 + number)))
IPV6 = st.integers(0, 15).map(lambda number: str(IPv6Address((0x20010DB8 << 96) + number)))
NETWORK = st.builds(
    lambda ip, bits: f"{ip}/{bits}", IPV4, st.sampled_from([0, 8, 27, 28, 29, 30, 31, 32])
) | st.builds(lambda ip, bits: f"{ip}/{bits}", IPV6, st.sampled_from([0, 64, 124, 126, 127, 128]))
WORD = st.text("ab@.", max_size=5)
GLOB = st.text("ab@.*?", min_size=1, max_size=5)


class NetworksTests(SynchronousTestCase):
    """IP networks."""

    @given(st.lists(NETWORK, max_size=5), IPV4 | IPV6)
    def test_as_a_plain_search(self, entries: list[str], ip: str) -> None:
        plain = any(ip_address(ip) in ip_network(entry, strict=False) for entry in entries)
        self.assertEqual(Networks(entries).has(ip), plain)

    def test_odd_addresses(self) -> None:
        networks = Networks(["fe80::/64", "0.0.0.0/0"])
        self.assertTrue(networks.has("fe80::1%eth0"))
        for ip in ("", "nonsense", "::1"):
            self.assertFalse(networks.has(ip))

    def test_what_is_none(self) -> None:
        for entry in ("", "example.com", "192.0.2.0/33", "192.0.2"):
            with self.assertRaises(BadEntry) as raised:
                Networks([entry])
            self.assertIn(repr(entry), str(raised.exception))


class NamesTests(SynchronousTestCase):
    """Addresses, domains and globs."""

    @given(st.lists(GLOB, max_size=4), WORD)
    def test_as_a_plain_search(self, entries: list[str], name: str) -> None:
        def fits(entry: str) -> bool:
            if "*" in entry or "?" in entry:
                return fnmatchcase(name, entry)
            return entry in (name, name.rpartition("@")[2])

        self.assertEqual(Names(entries).has(name), any(map(fits, entries)))

    def test_case_does_not_count(self) -> None:
        names = Names(["Ann@Example.COM", "*@NET.example", "<>"])
        for name in ("ANN@example.com", "x@net.EXAMPLE", "<>"):
            self.assertTrue(names.has(name), name)
        self.assertFalse(names.has("bob@example.com"))

    def test_a_domain_has_all_its_addresses_and_no_subdomain(self) -> None:
        names = Names(["example.com"])
        self.assertTrue(names.has("example.com"))
        self.assertTrue(names.has("a@example.com"))
        self.assertFalse(names.has("a@sub.example.com"))

    def test_domains_as_people_write_them(self) -> None:
        """Addresses and names come with A-labels (RFC 5890)."""
        names = Names(["münchen.example", "Ann@KÖLN.example", "*@*.zürich.example", "ö@a.example"])
        for name in (
            *("xn--mnchen-3ya.example", "x@xn--mnchen-3ya.example", "ann@xn--kln-sna.example"),
            *("x@sub.xn--zrich-kva.example", "Ö@a.example"),
        ):
            self.assertTrue(names.has(name), name)
        self.assertFalse(names.has("bob@xn--kln-sna.example"))

    def test_address_literals_are_no_globs(self) -> None:
        names = Names(["[192.0.2.1]", "[IPv6:2001:db8::1]", "ann@[192.0.2.2]", "[ab].example"])
        for name in ("[192.0.2.1]", "[ipv6:2001:DB8::1]", "ann@[192.0.2.2]", "a.example"):
            self.assertTrue(names.has(name), name)
        self.assertTrue(names.has("x@[192.0.2.1]"))
        for name in ("1", "2", "[192.0.2.2]", "bob@[192.0.2.2]", "[ab].example"):
            self.assertFalse(names.has(name), name)

    def test_what_is_none(self) -> None:
        for entry in ("", "two words"):
            self.assertRaises(BadEntry, Names, [entry])

    def test_globs_of_nothing(self) -> None:
        self.assertFalse(Globs([]))
        self.assertFalse(Globs([]).fit(""))
        self.assertTrue(Globs(["*"]).fit("two\nlines"))


class FileTests(SynchronousTestCase):
    """Entries one a line."""

    def test_comments_and_empty_lines(self) -> None:
        text = "# first\n\n  a@b.example  # them\r\n192.0.2.0/24\n"
        self.assertEqual(list(entries_of(text)), ["a@b.example", "192.0.2.0/24"])
