"""Client endpoint descriptions: the same ones as Twisted takes, read without a reactor."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.endpoints import clientFromString
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.client_endpoint import (
    absolute_client_endpoint,
    parse_client_endpoint,
)
from mailhost.config.endpoint import BadEndpoint

RIGHT = {
    "tcp:10.0.0.5:25": ("10.0.0.5", False),
    "tcp:host=mail.example.com:port=25": ("mail.example.com", False),
    "TCP:mail.example.com:25": ("mail.example.com", False),
    "tcp:\\:\\:1:25": ("::1", False),
    "tcp:[::1]:25": ("::1", False),
    "tls:[2001:db8::1]:465:timeout=5": ("2001:db8::1", True),
    "tcp:host=[::1]:port=25": ("::1", False),
    "tcp:mail.example.com:25:timeout=5": ("mail.example.com", False),
    "tcp:mail.example.com:25:bindAddress=127.0.0.1": ("mail.example.com", False),
    "tls:mail.example.com:465": ("mail.example.com", True),
    "unix:/run/mail.sock": ("", False),
    "unix:path=/run/mail.sock:timeout=5": ("", False),
}
WRONG = {
    "": "no kind of endpoint",
    "tcp": "lacks its port",
    "tcp:25": "lacks its port",
    "tcp:port=25": "lacks its host",
    "tcp::25": "lacks its host",
    "tcp:mail.example.com": 'write "tcp:mail.example.com:25"',
    "mail.example.com:25": 'write "tcp:mail.example.com:25"',
    "mail.example.com": 'write "tcp:mail.example.com:25"',
    "10.0.0.5:25": 'write "tcp:10.0.0.5:25"',
    "[::1]:25": 'write "tcp:[::1]:25"',
    "tcp6:::1:25": 'write "tcp:[::1]:25"',
    "smtps:mail.example.com": 'write "tls:mail.example.com:465"',
    "smtp://10.0.0.5": 'write "tcp:10.0.0.5:25"',
    "::1": 'write "tcp:[::1]:25"',
    "smtps:[::1]": 'write "tls:[::1]:465"',
    "inet:localhost:8891": 'write "tcp:localhost:8891"',
    "inet:8891@localhost": 'write "tcp:localhost:8891"',
    "local:/run/opendkim.sock": 'write "unix:/run/opendkim.sock"',
    "/run/opendkim.sock": 'write "unix:/run/opendkim.sock"',
    "tcp:mail.example.com:smtp": "no number",
    "tcp:mail.example.com:0": "no number",
    "tcp:mail.example.com:65536": "no number",
    "tcp:mail.example.com:٢٥": "no number",
    "tcp:mail.example.com:" + "1" * 5000: "no number",
    "tcp:a:25:host=b": "two of 'host'",
    "tcp:a:25:timeout=5 seconds": "timeout",
    "tcp:a:25:timeout=0": "timeout",
    "tcp:a:25:bindAddress=eth0": "no IP address",
    "tcp:a:25:interface=127.0.0.1": "has no 'interface'",
    "tcp:::1:25": 'write "tcp:[::1]:25"',
    "tcp:a:25\\": "ends in a backslash",
    "unix:": "lacks its path",
    "unix:/a:/b": "too many parts",
    "unix:/a:mode=600": "has no 'mode'",
    "carrier-pigeon:/25": "no kind of endpoint",
}


class ParseTests(SynchronousTestCase):
    """Endpoints, and the faults of texts that are none."""

    def test_right_ones_are_read(self) -> None:
        for text, (host, tls_first) in RIGHT.items():
            found = parse_client_endpoint(text)
            self.assertEqual((found.host, found.tls_first), (host, tls_first), text)
            clientFromString(MemoryReactor(), found.endpoint)

    def test_what_twisted_connects_to(self) -> None:
        reactor = MemoryReactor()
        for text in ("TLS:\\:\\:1:465:timeout=5", "tcp:timeout=5:\\:\\:1:465"):
            clientFromString(reactor, parse_client_endpoint(text).endpoint).connect(None)
            host, port, _, timeout, _ = reactor.tcpClients[-1]
            self.assertEqual((host, port, timeout), ("::1", 465, 5), text)

    def test_wrong_ones_are_refused_with_the_reason(self) -> None:
        for text, explanation in WRONG.items():
            error = self.assertRaises(BadEndpoint, parse_client_endpoint, text)
            self.assertIn(explanation, str(error), text)

    def test_relative_paths_become_absolute(self) -> None:
        cases = {
            "unix:a\\:b": "unix:path=/etc/a\\:b",
            "unix:path=a:timeout=5": "unix:path=/etc/a:timeout=5",
            "unix:/run/a": "unix:/run/a",
            "tcp:a:25": "tcp:a:25",
            "tcp:[::1]:25": "tcp:\\:\\:1:25",
        }
        for text, wanted in cases.items():
            self.assertEqual(absolute_client_endpoint(text, "/etc"), wanted)
            plain = text.replace("[::1]", "\\:\\:1")
            self.assertEqual(absolute_client_endpoint(text, ""), plain)

    @settings(deadline=None)
    @given(
        st.sampled_from(["tcp:a:25", "tls:a:25", "unix:/a", "tcp", "unix"]),
        st.text(":=\\ab1.", max_size=12) | st.sampled_from([":timeout=", ":host="]),
        st.text("0123456789b:", max_size=6),
    )
    def test_what_is_taken_twisted_takes_too(self, start: str, middle: str, rest: str) -> None:
        try:
            found = parse_client_endpoint(start + middle + rest)
        except BadEndpoint as error:
            self.assertTrue(str(error))
        else:
            clientFromString(MemoryReactor(), found.endpoint)
            self.assertEqual(parse_client_endpoint(found.endpoint).host, found.host)
