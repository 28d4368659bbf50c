"""Header fields of reverse proxies, and which of them are believed."""

from __future__ import annotations

from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.web.forwarded import Forwarded, TrustedProxies, read_forwarded

PROXIES = TrustedProxies([ip_network("198.51.100.0/24"), ip_network("2001:db8::/64")])
CLIENT = "203.0.113.9"


def read(peer: str = "198.51.100.1", **fields: str | list[str]) -> Forwarded | None:
    """The description of a client by a request with these fields."""

    def values(name: str) -> list[str]:
        found = fields.get(name.lower().replace("-", "_"), [])
        return [found] if isinstance(found, str) else found

    return PROXIES.read(peer, values)


class XForwardedTests(SynchronousTestCase):
    def test_one_proxy(self) -> None:
        found = read(
            x_forwarded_for=CLIENT, x_forwarded_proto="HTTPS", x_forwarded_host="a.example"
        )
        self.assertEqual(found, Forwarded(CLIENT, True, "a.example"))

    def test_others_are_not_believed(self) -> None:
        self.assertIsNone(read(CLIENT, x_forwarded_for="192.0.2.1"))
        self.assertIsNone(read(CLIENT, forwarded="for=192.0.2.1"))

    def test_a_proxy_that_says_nothing(self) -> None:
        self.assertIsNone(read())
        self.assertIsNone(read(forwarded="", x_forwarded_for=", "))

    def test_a_unix_socket_is_that_of_a_proxy(self) -> None:
        self.assertEqual(read("", x_forwarded_for=CLIENT), Forwarded(CLIENT))

    def test_entries_of_the_client_are_not_believed(self) -> None:
        found = read(
            x_forwarded_for=f"192.0.2.1, {CLIENT}",
            x_forwarded_proto="https, http",
            x_forwarded_host="evil.example, a.example",
        )
        self.assertEqual(found, Forwarded(CLIENT, False, "a.example"))

    def test_several_proxies(self) -> None:
        found = read(
            x_forwarded_for=[f"192.0.2.1, {CLIENT}", "198.51.100.2", "2001:db8::3"],
            x_forwarded_proto="https",
        )
        self.assertEqual(found, Forwarded(CLIENT, True))

    def test_a_client_in_the_network_of_the_proxies(self) -> None:
        self.assertEqual(read(x_forwarded_for="198.51.100.8"), Forwarded("198.51.100.8"))

    def test_forms_of_addresses(self) -> None:
        for text, expected in (
            ("203.0.113.9:4711", CLIENT),
            ("::ffff:203.0.113.9", CLIENT),
            ("2001:db8:1::1", "2001:db8:1::1"),
            ("[2001:db8:1::1]:4711", "2001:db8:1::1"),
            ("unknown", ""),
            ("beef", ""),
            ("1.2.3.999", ""),
        ):
            self.assertEqual(read(x_forwarded_for=text), Forwarded(expected), text)

    def test_they_come_before_forwarded(self) -> None:
        found = read(x_forwarded_for=CLIENT, forwarded="for=192.0.2.1;proto=https")
        self.assertEqual(found, Forwarded(CLIENT))


class ForwardedTests(SynchronousTestCase):
    def test_the_examples_of_rfc_7239(self) -> None:
        for text, expected in (
            ('For="[2001:db8:cafe::17]:4711"', Forwarded("2001:db8:cafe::17")),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", Forwarded("192.0.2.60")),
            ("for=192.0.2.43, for=198.51.100.17", Forwarded("192.0.2.43")),
            ('for="_gazonk"', Forwarded()),
            (
                'for=192.0.2.43;host="a.example:8443";Proto=https',
                Forwarded("192.0.2.43", True, "a.example:8443"),
            ),
        ):
            self.assertEqual(read(forwarded=text), expected, text)

    def test_all_of_an_element_comes_from_the_same_proxy(self) -> None:
        text = "for=192.0.2.1;proto=https;host=evil.example, for=203.0.113.9;host=a.example"
        text += ", for=198.51.100.2"
        self.assertEqual(read(forwarded=text), Forwarded(CLIENT, False, "a.example"))

    def test_malformed_fields_say_nothing(self) -> None:
        for text in ("for", "for=a b", 'for="a', "for=a;;proto=b", "=a", "for=[::1]", ";"):
            self.assertEqual(read_forwarded(text), [], text)
            self.assertIsNone(read(forwarded=text), text)

    def test_quoted_pairs(self) -> None:
        self.assertEqual(read_forwarded('a="b\\"c,d;e" , F=g'), [{"a": 'b"c,d;e'}, {"f": "g"}])

    @given(
        st.lists(
            st.dictionaries(
                st.sampled_from(["for", "proto", "host", "by"]),
                st.text(st.characters(min_codepoint=32, max_codepoint=255)),
                min_size=1,
            )
        )
    )
    def test_what_is_written_is_read(self, elements: list[dict[str, str]]) -> None:
        def quoted(value: str) -> str:
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

        text = ", ".join(
            ";".join(f"{name}={quoted(value)}" for name, value in each.items()) for each in elements
        )
        self.assertEqual(read_forwarded(text), elements)

    @given(st.text(), st.text())
    def test_nothing_raises(self, one: str, other: str) -> None:
        read_forwarded(one)
        read(x_forwarded_for=one, x_forwarded_proto=other)
        read(forwarded=one)
