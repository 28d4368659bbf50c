"""Requests on the wire: how they are read and answered, and their limits."""

from __future__ import annotations

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from mailhost.interfaces.wire import IEndsWhenIdle
from mailhost.net.tls.selfsigned import make_self_signed
from mailhost.net.tls.server import ServerTLS
from mailhost.web.site import Site
from mailhost.web.values import WebRequest, WebResponse, text_response
from tests.web.serving import PROXIES, SiteCase, Transport, read_reply

GET = b"GET /a?B=1&b=2&c HTTP/1.1\r\nHost: A.example.:8080\r\n\r\n"


class HelloCase(SiteCase):
    """Each request is noted in `seen`, and answered with "hello"."""

    def setUp(self) -> None:
        super().setUp()
        self.seen: list[WebRequest] = []

    def hello(self, request: WebRequest) -> WebResponse:
        self.seen.append(request)
        return text_response(200, "hello")


class SiteTests(HelloCase):
    """Requests and responses."""

    def test_a_request_and_its_response(self) -> None:
        channel, transport = self.connect(self.hello)
        for octet in GET:
            channel.dataReceived(bytes([octet]))
        reply, rest = read_reply(transport.value())
        self.assertEqual((reply.code, reply.body, rest), (200, b"hello\n", b""))
        self.assertEqual(
            reply.header,
            {
                "date": "Sun, 09 Sep 2001 01:46:40 GMT",
                "x-content-type-options": "nosniff",
                "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
                "referrer-policy": "no-referrer",
                "content-type": "text/plain; charset=utf-8",
                "content-length": "6",
            },
        )
        query = {"b": "1", "c": ""}
        self.assertEqual(
            self.seen,
            [WebRequest("GET", "a.example", "/a", query, "B=1&b=2&c", client="192.0.2.7")],
        )
        self.assertFalse(transport.disconnecting)

    def test_head_has_the_length_and_no_body(self) -> None:
        reply = self.ask(self.hello, "HEAD / HTTP/1.1", "Host: a.example")
        self.assertEqual((reply.code, reply.header["content-length"]), (200, "6"))

    def test_the_body_of_a_request(self) -> None:
        form = "Content-Type: application/x-www-form-urlencoded"
        for more, octets in (
            ("Content-Length: 5", b"a=b&c"),
            ("Transfer-Encoding: chunked", b"2\r\na=\r\n3\r\nb&c\r\n0\r\n\r\n"),
        ):
            lines = ("POST / HTTP/1.1", "Host: a.example", form, more)
            self.assertEqual(self.ask(self.hello, *lines, body=octets).code, 200)
        self.assertEqual([each.body for each in self.seen], [b"a=b&c", b"a=b&c"])

    def test_pipelined_requests_are_answered_in_order(self) -> None:
        channel, transport = self.connect(self.hello)
        channel.dataReceived(GET * 3)
        rest = transport.value()
        for _ in range(3):
            reply, rest = read_reply(rest)
            self.assertEqual(reply.code, 200)
        self.assertEqual(rest, b"")

    def test_a_page_that_answers_later(self) -> None:
        later: Deferred[WebResponse] = Deferred()
        channel, transport = self.connect(lambda request: later)
        channel.dataReceived(GET)
        self.assertEqual(transport.value(), b"")
        self.clock.advance(1000)
        self.assertFalse(transport.disconnecting)
        later.callback(text_response(200, "now"))
        self.assertTrue(transport.value().endswith(b"\r\n\r\nnow\n"))

    def test_a_client_that_is_gone_before_the_answer(self) -> None:
        later: Deferred[WebResponse] = Deferred()
        channel, transport = self.connect(lambda request: later)
        channel.dataReceived(GET)
        channel.connectionLost(Failure(ConnectionDone()))
        later.callback(text_response(200, "now"))
        self.assertEqual(transport.value(), b"")

    def test_a_fault_is_logged_and_not_shown(self) -> None:
        def fault(request: WebRequest) -> WebResponse:
            raise ZeroDivisionError("a secret")

        async def later(request: WebRequest) -> WebResponse:
            raise ZeroDivisionError("a secret")

        for respond in (fault, later):
            reply = self.ask(respond, "GET / HTTP/1.1", "Host: a.example")
            self.assertEqual(reply.code, 500)
            self.assertNotIn(b"secret", reply.body)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_the_forms_of_a_target(self) -> None:
        for target, hosts, expected in (
            ("http://B.example:80/x", ["a.example"], ("b.example", "/x")),
            ("https://b.example", ["a.example"], ("b.example", "/")),
            ("*", ["a.example"], ("a.example", "*")),
            ("/x", ["[2001:db8::1]:80"], ("[2001:db8::1]", "/x")),
            ("/x", ["a b"], ("", "/x")),
            ("/x", ["a.example:x"], ("", "/x")),
        ):
            self.seen.clear()
            lines = [f"OPTIONS {target} HTTP/1.1", *(f"Host: {host}" for host in hosts)]
            self.assertEqual(self.ask(self.hello, *lines).code, 200)
            self.assertEqual((self.seen[0].host, self.seen[0].path), expected)

    def test_a_trusted_proxy_is_believed(self) -> None:
        lines = ("GET / HTTP/1.1", "Host: a.example", "X-Forwarded-For: 203.0.113.9")
        more = ("X-Forwarded-Proto: https", "X-Forwarded-Host: B.example:443")
        for peer, lines_sent, expected in (
            ("192.0.2.7", lines + more, ("a.example", False, False, "192.0.2.7")),
            ("198.51.100.1", lines + more, ("b.example", True, True, "203.0.113.9")),
            ("198.51.100.1", lines, ("a.example", False, True, "203.0.113.9")),
            ("198.51.100.1", lines[:2], ("a.example", False, False, "198.51.100.1")),
        ):
            self.seen.clear()
            self.assertEqual(self.ask(self.hello, *lines_sent, peer=peer).code, 200)
            seen = self.seen[0]
            self.assertEqual((seen.host, seen.secure, seen.proxied, seen.client), expected)

    def test_the_client_of_a_header_of_the_proxy_protocol_is_no_trusted_proxy(self) -> None:
        channel, _ = self.connect(self.hello, "192.0.2.7", through="198.51.100.1")
        fields = b"X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n"
        channel.dataReceived(b"GET / HTTP/1.1\r\nHost: a.example\r\n" + fields + b"\r\n")
        seen = self.seen[-1]
        self.assertEqual((seen.client, seen.proxied, seen.secure), ("192.0.2.7", False, False))

    def test_malformed_requests(self) -> None:
        host = "Host: a.example"
        for lines in (
            ["GET / HTTP/1.1"],
            ["GET / HTTP/1.1", host, host],
            ["GET / HTTP/2.0", host],
            ["GET /"],
            ["GET ftp://a.example/ HTTP/1.1", host],
            ["GET http://[a/ HTTP/1.1", host],
            ["GET / HTTP/1.1", host, "no colon"],
            ["GET / HTTP/1.1", host, "bad name: x"],
            ["GET /?" + "&".join("abcdefghij" * 4) + " HTTP/1.1", host],
            ["POST / HTTP/1.1", host, "Content-Length: -1"],
            ["POST / HTTP/1.1", host, "Content-Length: 1", "Transfer-Encoding: chunked"],
            ["POST / HTTP/1.1", host, "Content-Length: 1", "Content-Length: 1"],
        ):
            reply = self.ask(self.hello, *lines)
            self.assertEqual(reply.code, 400, lines)
            self.assertTrue(reply.body.endswith(b".\n"), lines)
        self.assertEqual(self.seen, [])

    def test_other_codings_of_a_body_are_refused(self) -> None:
        """A proxy may find another end of such a request (RFC 9112 §6.1)."""
        for coding in ("identity", "gzip, chunked", "chunked, identity", "xchunked", ""):
            for more in ((), ("Transfer-Encoding: chunked",)):
                lines = ("Host: a.example", f"Transfer-Encoding: {coding}", *more)
                reply = self.ask(self.hello, "POST / HTTP/1.1", *lines, body=b"0\r\n\r\n")
                self.assertEqual((reply.code, reply.header["connection"]), (400, "close"), coding)
        lines = ("Host: a.example", "Transfer-Encoding: chunked")
        reply = self.ask(self.hello, "POST / HTTP/1.0", *lines, body=b"0\r\n\r\n")
        self.assertEqual(reply.code, 400)
        self.assertEqual(self.seen, [])

    def test_http_1_0_needs_no_host_and_its_connection_is_closed(self) -> None:
        reply = self.ask(self.hello, "GET / HTTP/1.0")
        self.assertEqual((reply.code, reply.header["connection"]), (200, "close"))
        self.assertEqual(self.seen[0].host, "")


class LimitTests(HelloCase):
    """Requests that are too many, too large or too slow."""

    def test_headers(self) -> None:
        for more in (["X: " + "x" * 9000], ["X: " + "x" * 8000] * 3, ["X: x"] * 101):
            reply = self.ask(self.hello, "GET / HTTP/1.1", "Host: a.example", *more)
            self.assertIn(reply.code, (400, 431))
            self.assertIn(b"too l", reply.body)
            self.assertEqual(reply.header["connection"], "close")
        reply = self.ask(self.hello, f"GET /{'x' * 9000} HTTP/1.1", "Host: a.example")
        self.assertEqual(reply.code, 431)
        channel, transport = self.connect(self.hello)
        channel.dataReceived(b"x" * 9000)
        self.assertEqual(read_reply(transport.value())[0].code, 431)
        self.assertTrue(transport.disconnecting)

    def test_bodies(self) -> None:
        lines = ("POST / HTTP/1.1", "Host: a.example", "Expect: 100-continue")
        for length in ("65537", "9" * 12, "9" * 5000):
            reply = self.ask(self.hello, *lines, f"Content-Length: {length}")
            self.assertEqual(reply.code, 413)
            self.assertIn(b"too large" if len(length) > 12 else b"larger than", reply.body)
        chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        chunked = ("POST / HTTP/1.1", "Host: a.example", "Transfer-Encoding: chunked")
        body = chunk * 3 + b"0\r\n\r\n" + GET
        self.assertEqual(self.ask(self.hello, *chunked, body=body).code, 413)
        self.assertEqual(self.seen, [])
        chunked = (*chunked[:2], "Content-Length: 65536")
        self.assertEqual(self.ask(self.hello, *chunked, body=b"x" * 65_536).code, 200)

    def test_a_client_that_waits_is_asked_for_the_body(self) -> None:
        channel, transport = self.connect(self.hello)
        head = b"POST / HTTP/1.1\r\nHost: a.example\r\nExpect: 100-continue\r\n"
        channel.dataReceived(head + b"Content-Length: 1\r\n\r\n")
        self.assertEqual(transport.value(), b"HTTP/1.1 100 Continue\r\n\r\n")
        channel.dataReceived(b"x")
        self.assertEqual(self.seen[0].body, b"x")

    def test_a_client_that_sends_slowly_gains_no_time(self) -> None:
        channel, transport = self.connect(self.hello)
        for number in range(29):
            channel.dataReceived(GET[number : number + 1])
            self.clock.advance(1)
        self.assertFalse(transport.disconnecting)
        self.clock.advance(1)
        self.assertEqual(read_reply(transport.value())[0].code, 408)
        self.assertTrue(transport.disconnecting)
        channel.dataReceived(GET)
        self.assertEqual(self.seen, [])

    def test_a_handshake_counts_too(self) -> None:
        tls = ServerTLS([make_self_signed(self.mktemp(), "a.example")])
        site = Site(self.hello, PROXIES, self.clock, self.clock.seconds)
        address = IPv4Address("TCP", "192.0.2.7", 4711)
        transport = Transport(peerAddress=address)
        TLSMemoryBIOFactory(tls, False, site).buildProtocol(address).makeConnection(transport)
        self.clock.advance(29)
        self.assertFalse(transport.aborted)
        self.clock.advance(1)
        self.assertTrue(transport.aborted)

    def test_a_silent_client_is_disconnected_without_a_response(self) -> None:
        for first in (b"", GET):
            channel, transport = self.connect(self.hello)
            channel.dataReceived(first)
            transport.clear()
            self.clock.advance(30)
            self.assertEqual(transport.value(), b"")
            self.assertTrue(transport.disconnecting)

    def test_a_client_that_does_not_close_is_cut_off(self) -> None:
        channel, transport = self.connect(self.hello)
        channel.dataReceived(GET.replace(b"1.1\r\n", b"1.1\r\nConnection: close\r\n"))
        self.assertTrue(transport.disconnecting)
        self.clock.advance(14)
        self.assertFalse(transport.aborted)
        self.clock.advance(1)
        self.assertTrue(transport.aborted)

    def test_no_timer_is_left_behind(self) -> None:
        for octets in (b"", b"GET", GET, b"bad\r\n", GET.replace(b"1.1", b"1.0")):
            channel, _ = self.connect(self.hello)
            channel.dataReceived(octets)
            channel.connectionLost(Failure(ConnectionDone()))
            self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_number_of_requests_is_bounded(self) -> None:
        channel, transport = self.connect(self.hello)
        for _ in range(99):
            transport.clear()
            channel.dataReceived(GET)
        self.assertFalse(transport.disconnecting)
        transport.clear()
        channel.dataReceived(GET + GET)
        reply, rest = read_reply(transport.value())
        self.assertEqual((reply.header["connection"], rest), ("close", b""))
        self.assertTrue(transport.disconnecting)


class StoppingTests(SiteCase):
    """The host stops, or the listener was removed."""

    def test_it_provides_the_interface(self) -> None:
        channel, _ = self.connect(lambda request: text_response(200, "hello"))
        verifyObject(IEndsWhenIdle, channel)

    def test_an_idle_connection_is_closed(self) -> None:
        for octets in (b"", GET):
            channel, transport = self.connect(lambda request: text_response(200, "hello"))
            channel.dataReceived(octets)
            channel.stopping()
            self.assertTrue(transport.disconnecting)

    def test_a_request_that_arrives_is_answered_and_is_the_last(self) -> None:
        for cut in (10, len(GET) - 2):
            channel, transport = self.connect(lambda request: text_response(200, "hello"))
            channel.dataReceived(GET[:cut])
            channel.stopping()
            channel.dataReceived(GET[cut:] + GET)
            replies = transport.value().count(b"HTTP/1.1 200 OK")
            self.assertEqual((replies, transport.disconnecting), (int(cut > 10), True))

    def test_a_request_under_way_is_answered(self) -> None:
        later: Deferred[WebResponse] = Deferred()
        channel, transport = self.connect(lambda request: later)
        channel.dataReceived(GET)
        channel.stopping()
        self.assertFalse(transport.disconnecting)
        later.callback(text_response(200, "now"))
        self.assertEqual(read_reply(transport.value())[0].header["connection"], "close")
        self.assertTrue(transport.disconnecting)
