"""The client's connection: timeouts, content at the pace of the server, all ways to end."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from mailhost.smtp.client.protocol import CLOSE_TIMEOUT, ConnectionBroken, NoSMTP, Stalled
from mailhost.smtp.client.reply_reader import Reply
from tests.smtp.client_talk import ClientCase


class ConnectionCase(ClientCase):
    def reply(self, seconds: float = 10) -> Deferred[Reply]:
        return Deferred.fromCoroutine(self.client.reply(seconds))

    def assert_broken(
        self, work: Deferred[Any], text: str, kind: type[ConnectionBroken] = ConnectionBroken
    ) -> None:
        self.assertIn(text, str(self.failureResultOf(work, kind).value))


class Replies(ConnectionCase):
    def test_one_that_is_there_and_one_that_comes(self) -> None:
        self.client.dataReceived(b"220 hi\r\n")
        self.assertEqual(220, self.successResultOf(self.reply()).code)
        self.client.send(b"NOOP\r\n")
        waiting = self.reply()
        self.assertNoResult(waiting)
        self.client.dataReceived(b"250 ")
        self.assertNoResult(waiting)
        self.client.dataReceived(b"OK\r\n")
        self.assertEqual(250, self.successResultOf(waiting).code)

    def test_silence(self) -> None:
        waiting = self.reply(10)
        self.clock.advance(9.9)
        self.assertNoResult(waiting)
        self.clock.advance(0.2)
        self.assert_broken(waiting, "no reply in 10 s", Stalled)
        self.assertTrue(self.wire.aborted)
        self.assert_broken(self.reply(), "no reply in 10 s")

    def test_waits_that_follow_each_other_are_measured_apart(self) -> None:
        self.client.dataReceived(b"220 hi\r\n")
        self.client.send(b"MAIL\r\nRCPT\r\nQUIT\r\n", replies=3)
        self.successResultOf(self.reply(10))
        for seconds in (20, 15, 30):
            waiting = self.reply(seconds)
            self.clock.advance(seconds - 0.1)
            self.assertNoResult(waiting)
            self.client.dataReceived(b"250 OK\r\n")
            self.successResultOf(waiting)
            self.clock.advance(100)  # nobody waits
        self.assertFalse(self.wire.aborted)
        waiting = self.reply(300)
        self.client.send(b"NOOP\r\n")
        self.client.dataReceived(b"250 OK\r\n")
        self.successResultOf(waiting)
        waiting = self.reply(5)
        self.clock.advance(5)
        self.assert_broken(waiting, "no reply in 5 s")

    def test_no_timer_outlives_the_connection(self) -> None:
        self.client.dataReceived(b"220 hi\r\n")
        self.successResultOf(self.reply())
        waiting = self.reply()
        self.run_script(_nothing(), "= lost")
        self.assert_broken(waiting, "connection lost")
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_a_lost_connection_gives_what_came_before(self) -> None:
        self.client.dataReceived(b"220 hi\r\n")
        self.run_script(_nothing(), "= lost")
        self.assertEqual(220, self.successResultOf(self.reply()).code)
        self.assert_broken(self.reply(), "connection lost")

    def test_nonsense(self) -> None:
        waiting = self.reply()
        self.client.dataReceived(b"HTTP/1.1 400 Bad Request\r\n")
        self.assert_broken(waiting, "no SMTP reply", NoSMTP)
        self.assertTrue(self.wire.aborted)

    def test_a_reply_to_no_command(self) -> None:
        self.client.dataReceived(b"220 hi\r\n250 more\r\n")
        self.assertEqual(220, self.successResultOf(self.reply()).code)
        self.assert_broken(self.reply(), "a reply to no command: 250 2.0.0 more")

    def test_421_may_come_at_any_time(self) -> None:
        self.client.dataReceived(b"220 hi\r\n")
        self.successResultOf(self.reply())
        self.client.dataReceived(b"421 4.3.2 going down\r\n")
        broken = self.failureResultOf(self.reply(), ConnectionBroken).value
        self.assertEqual("421 4.3.2 going down", str(broken))
        self.assertEqual(421, broken.status.code)

    def test_nothing_is_sent_or_read_after_the_end(self) -> None:
        self.client.abort()
        self.client.send(b"NOOP\r\n")
        self.client.dataReceived(b"220 hi\r\n")
        self.assertEqual(b"", self.wire.value())
        self.assert_broken(self.reply(), "aborted by the client")


class Content(ConnectionCase):
    def setUp(self) -> None:
        super().setUp()
        self.client.dataReceived(b"354 go\r\n")
        self.successResultOf(self.reply())

    def stream(self, *chunks: bytes) -> Deferred[bool]:
        return Deferred.fromCoroutine(self.client.stream(iter(chunks), 10))

    def test_all_at_once(self) -> None:
        self.assertTrue(self.successResultOf(self.stream(b"a", b"b")))
        self.assertEqual(b"ab", self.wire.value())

    def test_at_the_peers_pace(self) -> None:
        self.client.pauseProducing()
        sending = self.stream(b"a", b"b")
        self.assertNoResult(sending)
        self.assertEqual(b"", self.wire.value())
        self.clock.advance(9)
        self.client.resumeProducing()
        self.assertTrue(self.successResultOf(sending))
        self.assertEqual(b"ab", self.wire.value())

    def test_a_peer_that_reads_no_more(self) -> None:
        self.client.pauseProducing()
        sending = self.stream(b"a")
        self.clock.advance(10)
        self.assert_broken(sending, "the server read nothing in")

    def test_an_early_reply_stops_it(self) -> None:
        self.client.pauseProducing()
        sending = self.stream(b"a", b"b")
        self.client.dataReceived(b"552 too much\r\n")
        self.assertFalse(self.successResultOf(sending))
        self.assertEqual(b"", self.wire.value())
        self.assertEqual(552, self.successResultOf(self.reply()).code)

    def test_an_end_in_the_middle(self) -> None:
        self.client.pauseProducing()
        sending = self.stream(b"a")
        self.run_script(_nothing(), "= lost")
        self.assert_broken(sending, "connection lost")


class TLS(ConnectionCase):
    def setUp(self) -> None:
        super().setUp()
        self.client.dataReceived(b"220 hi\r\n")
        self.successResultOf(self.reply())

    def start(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.client.start_tls(None, 10))  # type: ignore[arg-type]

    def test_a_handshake(self) -> None:
        starting = self.start()
        self.assertNoResult(starting)
        self.assertFalse(self.client.secure)
        self.client.handshakeCompleted()
        self.successResultOf(starting)
        self.assertTrue(self.client.secure)

    def test_half_a_reply_before_it_is_forgotten(self) -> None:
        self.client.dataReceived(b"250-injected\r\n250 inj")
        self.start()
        self.client.handshakeCompleted()
        self.client.send(b"EHLO us\r\n")
        self.client.dataReceived(b"250 new\r\n")
        self.assertEqual(("new",), self.successResultOf(self.reply()).lines)

    def test_a_whole_reply_before_it_breaks_the_connection(self) -> None:
        self.client.dataReceived(b"250 injected\r\n")
        self.assert_broken(self.start(), "reply to no command")
        self.assertEqual(0, self.wire.handshakes)

    def test_one_that_fails(self) -> None:
        starting = self.start()
        self.run_script(_nothing(), "= lost")
        self.assert_broken(starting, "the TLS handshake failed")

    def test_one_that_never_ends(self) -> None:
        starting = self.start()
        self.clock.advance(10)
        self.assert_broken(starting, "no TLS handshake in 10 s")
        self.assertTrue(self.wire.aborted)


class Ends(ConnectionCase):
    def test_quit(self) -> None:
        self.client.close()
        self.assertTrue(self.wire.disconnecting)
        self.assertFalse(self.wire.aborted)
        self.run_script(_nothing(), "= lost")
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_a_server_that_does_not_read_quit(self) -> None:
        self.client.close()
        self.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(self.wire.aborted)

    def test_a_client_is_its_transports_producer(self) -> None:
        self.assertIs(self.client, self.wire.producer)
        self.client.close()
        self.assertIsNone(self.wire.producer)


async def _nothing() -> None:
    """No work."""
