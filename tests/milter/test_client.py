"""The connection to a filter: timeouts, all ways to end, errors of the filter."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.content import Content
from mailhost.milter.client import CLOSE_TIMEOUT, MilterClient, connect
from mailhost.milter.codec import MilterFailed
from mailhost.milter.verdict import GO_ON
from tests.milter.talk import CONTENT, FAR, SILENT, MilterCase, Transport


class Patience(MilterCase):
    def assert_patient(self, work: Deferred[Any], seconds: float, text: str) -> None:
        self.clock.advance(seconds - 0.1)
        self.assertNoResult(work)
        self.clock.advance(0.2)
        self.assert_failed(work, text)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_negotiation(self) -> None:
        work = self.play(self.client.negotiate(), "C: O|6|1ff|1ff7ff")
        self.assert_patient(work, 30, "silent for 30 s after the offer")

    def test_connect(self) -> None:
        self.open()
        script = "C: D|C\nC: C|[192.0.2.1]|4|4025|192.0.2.1"
        work = self.play(self.client.begin(FAR, {}), script)
        self.assert_patient(work, 30, "silent for 30 s after CONNECT")

    def test_a_command(self) -> None:
        self.greet()
        work = self.play(self.client.mail(None, [], {}), "C: D|M\nC: M|<>")
        self.assert_patient(work, 30, "silent for 30 s after MAIL")

    def test_the_content(self) -> None:
        self.envelope()
        work = self.play(self.client.message(CONTENT, {}), "C: L|Subject|hi")
        self.assert_patient(work, 300, "silent for 300 s after a header field")

    def test_a_transport_that_takes_no_content(self) -> None:
        self.envelope(SILENT)
        self.client.pauseProducing()
        work = self.play(self.client.message(CONTENT, {}), "C: L|Subject|hi")
        self.assert_patient(work, 300, "silent for 300 s after a header field")

    def test_work_in_progress(self) -> None:
        self.envelope(SILENT)
        done = Deferred.fromCoroutine(self.client.message(CONTENT, {}))
        self.wire.clear()
        for _ in range(5):
            self.lines("= wait 299\nF: p")
        self.assertNoResult(done)
        self.lines("F: c")
        self.assertEqual(GO_ON, self.successResultOf(done)[0])
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_work_that_never_ends(self) -> None:
        self.envelope(SILENT)
        done = Deferred.fromCoroutine(self.client.message(CONTENT, {}))
        self.wire.clear()
        self.lines("= wait 290\nF: p\n" * 6 + "= wait 59")
        self.assertNoResult(done)
        self.clock.advance(2)
        self.assert_failed(done, "took 1800 s for the end of the message")


class Ends(MilterCase):
    def ask(self, script: str = "") -> Deferred[Any]:
        return self.play(self.client.hello("x", {}), f"C: D|H\nC: H|x\n{script}")

    def test_the_filter_closes_the_connection(self) -> None:
        self.greet()
        work = self.ask("= lost")
        text = str(self.failureResultOf(work, MilterFailed).value)
        self.assertIn("closed the connection after HELO", text)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_the_filter_closes_the_connection_between_two_questions(self) -> None:
        self.greet()
        self.lines("= lost")
        work = Deferred.fromCoroutine(self.client.hello("x", {}))
        self.assertIn("closed the connection after CONNECT", str(self.failureResultOf(work).value))

    def test_a_packet_that_answers_no_question(self) -> None:
        self.greet()
        self.lines("F: c")
        work = Deferred.fromCoroutine(self.client.hello("x", {}))
        self.assert_failed(work, "answers no question")
        self.lines("F: c")  # is ignored

    def test_two_answers(self) -> None:
        self.greet()
        self.lines("")
        work = Deferred.fromCoroutine(self.client.hello("x", {}))
        self.client.dataReceived(b"\0\0\0\1c\0\0\0\1r")
        self.assert_failed(work, "answers no question")

    def test_nonsense(self) -> None:
        self.greet()
        work = Deferred.fromCoroutine(self.client.hello("x", {}))
        self.client.dataReceived(b"220 hello\r\n")
        self.assert_failed(work, "a packet of 842149920 octets")

    def test_an_answer_in_pieces(self) -> None:
        self.greet()
        work = self.ask()
        for octet in b"\0\0\0\x0fy550 5.7.1 No.\0":
            self.assertNoResult(work)
            self.client.dataReceived(bytes([octet]))
        self.assertEqual("550 5.7.1 No.", str(self.successResultOf(work).status))

    def test_quit(self) -> None:
        self.greet()
        self.client.quit()
        self.lines("C: Q")
        self.assertTrue(self.wire.disconnecting)
        self.assertFalse(self.wire.aborted)
        self.clock.advance(CLOSE_TIMEOUT)
        self.assertTrue(self.wire.aborted)
        self.client.quit()
        self.client.abort()
        self.lines("")
        self.assert_failed(Deferred.fromCoroutine(self.client.hello("x", {})), "closed")

    def test_quit_that_is_read(self) -> None:
        self.greet()
        self.client.quit()
        self.lines("C: Q\n= lost")
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_giving_up_while_an_answer_is_owed(self) -> None:
        self.greet()
        work = self.ask()
        self.client.abort()
        self.assert_failed(work, "aborted by the mail server")

    def test_what_is_too_large_to_say(self) -> None:
        self.greet()
        work = self.play(self.client.hello("x" * 70_000, {}), "")
        self.assert_failed(work, "too large")

    def test_content_that_cannot_be_read(self) -> None:
        self.envelope(SILENT)
        work = Deferred.fromCoroutine(self.client.message(_Unreadable((b"",)), {}))
        self.failureResultOf(work, OSError)
        self.client.abort()
        self.lines("C: A")


class _Unreadable(Content):
    def header(self) -> bytes:
        raise OSError("the disk is gone")


class _Endpoint:
    """Connects when the test says so."""

    def __init__(self) -> None:
        self.waiting: Deferred[MilterClient] = Deferred()
        self.factory: IProtocolFactory | None = None

    def connect(self, factory: IProtocolFactory) -> Deferred[MilterClient]:
        self.factory = factory
        return self.waiting


class Connecting(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.endpoint = _Endpoint()
        self.work = Deferred.fromCoroutine(connect(self.endpoint, self.clock))  # type: ignore[arg-type]

    def test_success(self) -> None:
        factory = cast(Any, self.endpoint.factory)
        client: MilterClient = factory.buildProtocol(None)
        wire = Transport()
        client.makeConnection(wire)
        self.endpoint.waiting.callback(client)
        self.assertNoResult(self.work)
        client.dataReceived(b"\0\0\0\x0dO\0\0\0\6\0\0\0\1\0\x10\0\0")
        self.assertIs(client, self.successResultOf(self.work))
        self.assertTrue(client.terms.leading_space)
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_no_milter_there(self) -> None:
        self.endpoint.waiting.errback(ConnectError("refused"))
        failure = self.failureResultOf(self.work, MilterFailed)
        self.assertIn("no connection to the filter", str(failure.value))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_no_answer(self) -> None:
        self.clock.advance(29)
        self.assertNoResult(self.work)
        self.clock.advance(1)
        failure = self.failureResultOf(self.work, MilterFailed)
        self.assertIn("no connection to the filter: timed out after 30 s", str(failure.value))

    def test_no_answer_over_tcp(self) -> None:
        reactor = MemoryReactorClock()
        endpoint = TCP4ClientEndpoint(reactor, "192.0.2.1", 8891, timeout=100)
        work = Deferred.fromCoroutine(connect(endpoint, reactor))
        reactor.advance(30)
        failure = self.failureResultOf(work, MilterFailed)
        self.assertIn("no connection to the filter: timed out after 30 s", str(failure.value))
