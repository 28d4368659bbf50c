"""Endpoint descriptions: the same ones as Twisted takes, read without a reactor."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.endpoints import serverFromString
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.endpoint import (
    BadEndpoint,
    absolute_endpoint,
    listening_address,
    parse_endpoint,
)

RIGHT = [
    "tcp:25",
    "tcp:port=25",
    "tcp:25:interface=127.0.0.1",
    "tcp:25:127.0.0.1:100",
    "tcp:25:interface=\\:\\:1",
    "tcp6:25",
    "tcp6:25:interface=\\:\\:",
    "unix:/run/mail.sock:mode=660",
    "unix:lmtp.sock:lockfile=0",
    "haproxy:tcp:25",
    "haproxy:tcp6:25:interface=\\:\\:1",
    "haproxy:unix:/run/mail.sock",
]
WRONG = {
    "": "no endpoint",
    "tcp": "lacks its port",
    "tcp:": "lacks its port",
    "tcp:smtp": 'write "tcp:25"',
    "tcp:imap": 'write "tcp:143"',
    "tcp:jmap": "no number",
    "tcp:70000": "no number",
    "tcp:25:interfaces=127.0.0.1": "has no 'interfaces'",
    "tcp:25:interface=1.2.3": "no IP address",
    "tcp6:25:::1": 'write "tcp:[::1]:25"',
    "tcp6:::1:25": 'write "tcp:[::1]:25"',
    "tcp:::1:25": 'write "tcp:[::1]:25"',
    "tcp::::25": 'write "tcp:[::]:25"',
    "tcp6:25:interface=2001:db8::1": 'write "tcp:[2001:db8::1]:25"',
    "tcp6:2001:db8::1:25": 'write "tcp:[2001:db8::1]:25"',
    "haproxy:tcp6:::1:25": 'write "haproxy:tcp:[::1]:25"',
    "stdio:": "serves one connection only",
    "25": 'write "tcp:25"',
    ":25": 'write "tcp:25"',
    "tcp:*:25": 'write "tcp:25"',
    "*:25": 'write "tcp:25"',
    "0.0.0.0:25": 'write "tcp:25"',
    "127.0.0.1:25": 'write "tcp:127.0.0.1:25"',
    "[::1]:25": 'write "tcp:[::1]:25"',
    "smtp": 'write "tcp:25"',
    "smtps": 'write "tcp:465"',
    "smtps:465": 'write "tcp:465"',
    "SMTPS": 'write "tcp:465"',
    "smtp:127.0.0.1:25": 'write "tcp:127.0.0.1:25"',
    "smtp://[::1]:25": 'write "tcp:[::1]:25"',
    "pop3s:0.0.0.0": 'write "tcp:0.0.0.0:995"',
    "tls:465": 'write "tcp:465"',
    "/run/lmtp.sock": 'write "unix:/run/lmtp.sock"',
    "::1": 'write "tcp:[::1]:25"',
    "[::1]": 'write "tcp:[::1]:25"',
    "127.0.0.1": 'write "tcp:127.0.0.1:25"',
    "tcp:mail.example.com:25": 'no number up to 65535; write one such as "tcp:25", "tcp:127.0.0.1',
    "tcp:1.2.3:25": "no number",
    "tcp:[fe80]:25": "no number",
    "unix:": "lacks its address",
    "unix:/a:mode=999": "octal",
    "systemd:INET": "name the systemd socket",
    "systemd:domain=IPX:index=0": "INET, INET6 or UNIX",
    "haproxy": "no endpoint",
    "haproxy:": "no endpoint",
    "carrier-pigeon:25": "no kind of endpoint",
}


class ParseTests(SynchronousTestCase):
    """Endpoints, and the faults of texts that are none."""

    def test_right_ones_are_taken_as_twisted_takes_them(self) -> None:
        for text in RIGHT:
            parse_endpoint(text)
            serverFromString(MemoryReactor(), text)

    def test_kinds_that_need_more_than_words_are_taken(self) -> None:
        for text in ("systemd:domain=INET6:index=0", "systemd:INET:name=smtp", "tls:/certs:465"):
            self.assertEqual(str(parse_endpoint(text)).split(":")[0], text.split(":")[0])
        self.assertEqual(parse_endpoint("ssl:465:privateKey=/k").port, 465)

    def test_wrong_ones_are_refused_with_the_reason(self) -> None:
        for text, explanation in WRONG.items():
            error = self.assertRaises(BadEndpoint, parse_endpoint, text)
            self.assertIn(explanation, str(error), text)

    def test_what_is_read(self) -> None:
        endpoint = parse_endpoint("haproxy:tcp6:25:interface=2001\\:db8\\:\\:1")
        self.assertEqual((endpoint.port, endpoint.interface), (25, "2001:db8::1"))
        self.assertTrue(endpoint.proxied)

    def test_addresses(self) -> None:
        for text, address in {
            "tcp:25": "0.0.0.0:25",
            "tcp:127.0.0.1:2525": "127.0.0.1:2525",
            "haproxy:tcp:localhost:25": "127.0.0.1:25",
            "tcp6:587": "[::]:587",
            "tcp:[2001:DB8::1]:25": "[2001:db8::1]:25",
            "tcp:0": "tcp:0",
            "unix:lmtp.sock": "unix:lmtp.sock",
            "systemd:domain=INET6:index=0": "systemd:domain=INET6:index=0",
        }.items():
            self.assertEqual(address, listening_address(text), text)

    def test_an_address_may_stand_in_brackets_and_before_the_port(self) -> None:
        cases = {
            "tcp:[::1]:25": "tcp6:25:interface=\\:\\:1",
            "tcp6:[::]:25": "tcp6:25:interface=\\:\\:",
            "tcp:\\:\\:1:25": "tcp6:25:interface=\\:\\:1",
            "tcp:127.0.0.1:25": "tcp:25:interface=127.0.0.1",
            "tcp6:127.0.0.1:25": "tcp:25:interface=127.0.0.1",
            "tcp:localhost:25": "tcp:25:interface=localhost",
            "tcp:[2001:DB8::1]:25:backlog=5": "tcp6:25:interface=2001\\:DB8\\:\\:1:backlog=5",
            "tcp6:25:interface=[::1]": "tcp6:25:interface=\\:\\:1",
            "haproxy:tcp:[::1]:25": "haproxy:tcp6:25:interface=\\:\\:1",
            "haproxy:tcp:127.0.0.1:25": "haproxy:tcp:25:interface=127.0.0.1",
            "tcp:[fe80::1%eth0]:25": "tcp6:25:interface=fe80\\:\\:1%eth0",
            "tcp:25": "tcp:25",
        }
        for text, wanted in cases.items():
            self.assertEqual(absolute_endpoint(text, "/etc"), wanted)
            self.assertEqual(parse_endpoint(text), parse_endpoint(wanted), text)
            serverFromString(MemoryReactor(), wanted.removeprefix("haproxy:"))

    @settings(deadline=None, max_examples=100)
    @given(st.ip_addresses(), st.integers(0, 65535))
    def test_any_address_before_its_port(
        self, address: IPv4Address | IPv6Address, port: int
    ) -> None:
        host = f"[{address}]" if address.version == 6 else str(address)
        endpoint = parse_endpoint(f"tcp:{host}:{port}")
        self.assertEqual((endpoint.interface, endpoint.port), (str(address), port or None))

    def test_relative_paths_become_absolute(self) -> None:
        self.assertEqual(
            absolute_endpoint("unix:a\\:b:mode=600", "/etc"), "unix:/etc/a\\:b:mode=600"
        )
        self.assertEqual(absolute_endpoint("haproxy:unix:a", "/etc"), "haproxy:unix:/etc/a")
        self.assertEqual(absolute_endpoint("unix:/run/a", "/etc"), "unix:/run/a")

    @settings(deadline=None)
    @given(st.text(alphabet="tcpunixha6rod:=\\0127.[]", max_size=30) | st.text(max_size=20))
    def test_anything_is_an_endpoint_or_refused_with_words(self, text: str) -> None:
        try:
            endpoint = parse_endpoint(text)
        except BadEndpoint as error:
            self.assertTrue(str(error))
        else:
            self.assertEqual(parse_endpoint(str(endpoint)).kind, endpoint.kind)

    @settings(deadline=None)
    @given(st.sampled_from(["tcp:25", "tcp6:25", "unix"]), st.text(":=\\ab1.", min_size=1))
    def test_what_is_taken_twisted_takes_too(self, start: str, rest: str) -> None:
        text = f"{start}:{rest}"
        try:
            parse_endpoint(text)
        except BadEndpoint:
            return
        serverFromString(MemoryReactor(), text)


class OverlapTests(SynchronousTestCase):
    """Which two endpoints cannot be bound at once."""

    def clash(self, one: str, other: str) -> bool:
        first, second = parse_endpoint(one), parse_endpoint(other)
        self.assertEqual(first.overlaps(second), second.overlaps(first))
        return first.overlaps(second)

    def test_clashes(self) -> None:
        for one, other in [
            ("tcp:25", "tcp:25"),
            ("tcp:25", "tcp:25:interface=127.0.0.1"),
            ("tcp:25", "haproxy:tcp:25"),
            ("tcp6:25", "tcp:25"),
            ("tcp:[::]:25", "tcp:127.0.0.1:25"),
            ("tcp6:25:interface=\\:\\:", "tcp:25:interface=192.0.2.1"),
            ("tcp6:25:interface=\\:\\:", "tcp6:25:interface=\\:\\:1"),
            ("tcp6:25:interface=2001\\:db8\\:0\\:\\:1", "tcp6:25:interface=2001\\:db8\\:\\:1"),
            ("unix:/a", "unix:/a:mode=600"),
            ("systemd:INET:index=0", "systemd:INET6:index=0"),
            ("tls:/certs:25", "tcp:25"),
        ]:
            self.assertTrue(self.clash(one, other), (one, other))

    def test_no_clashes(self) -> None:
        for one, other in [
            ("tcp:25", "tcp:587"),
            ("tcp:25:interface=127.0.0.1", "tcp:25:interface=127.0.0.2"),
            ("tcp:25", "tcp6:25:interface=\\:\\:1"),
            ("tcp:0", "tcp:0"),
            ("unix:/a", "unix:/b"),
            ("systemd:INET:index=0", "systemd:INET:index=1"),
            ("unix:/a", "tcp:25"),
        ]:
            self.assertFalse(self.clash(one, other), (one, other))
