"""One question to one server: its answer, and what is none."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import reactor as running_reactor
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.error import ConnectionClosed, ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.names import dns
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailhost.net.dns.question import (
    MalformedAnswer,
    QuestionMessage,
    _Datagrams,
    _Stream,
    ask_over_tcp,
    ask_over_udp,
)

reactor: Any = running_reactor
QUERY = dns.Query(b"a.example", dns.MX, dns.IN)


def answer_to(question: QuestionMessage, query: dns.Query = QUERY) -> bytes:
    """An answer without records, to this query."""
    message = dns.Message(int.from_bytes(bytes(question)[:2]), answer=1)
    message.queries = [query]
    return bytes(message.toStr())


def malformed(question: QuestionMessage) -> bytes:
    """An answer with one record, whose name is a pointer to itself."""
    answer = bytearray(answer_to(question))
    answer[7] = 1  # ANCOUNT
    return bytes(answer) + bytes([0xC0, len(answer)]) + bytes(10)


class Asking(SynchronousTestCase):
    def test_a_resolver_is_asked_whether_the_answer_is_authenticated(self) -> None:
        """With EDNS0 and without (RFC 6840 §5.7)."""
        for edns in (True, False):
            message = dns.Message()
            message.fromStr(bytes(QuestionMessage(QUERY, edns)))
            self.assertEqual((1, 1), (message.recDes, message.authenticData))


class Reading(SynchronousTestCase):
    def setUp(self) -> None:
        self.question = QuestionMessage(QUERY)

    def test_an_answer(self) -> None:
        self.assertIsNotNone(self.question.read(answer_to(self.question)))

    def test_what_is_none(self) -> None:
        answer = answer_to(self.question)
        for data in (
            b"",
            answer[:11],
            bytes([answer[0] ^ 1]) + answer[1:],  # another id
            bytes(self.question),  # a question
            answer_to(self.question, dns.Query(b"b.example", dns.MX, dns.IN)),
            answer_to(self.question, dns.Query(b"a.example", dns.A, dns.IN)),
        ):
            self.assertIsNone(self.question.read(data), data)

    def test_an_answer_that_cannot_be_decoded(self) -> None:
        answer = malformed(self.question)
        with self.assertRaisesRegex(MalformedAnswer, "malformed"):
            self.question.read(answer)
        for place in (0, 2, 13):  # another id, no answer, another name
            other = bytearray(answer)
            other[place] ^= 0x80
            self.assertIsNone(self.question.read(bytes(other)))


class OverUDP(TestCase):
    def ask(self, server: tuple[str, int]) -> Deferred[Any]:
        return Deferred.fromCoroutine(ask_over_udp(reactor, server, QuestionMessage(QUERY), 5.0))

    def test_a_server_that_is_not_there(self) -> None:
        """Some systems report that nobody listens; the time need not run out then."""

        class Refused(socket.socket):
            def recv(self, *arguments: Any) -> bytes:
                raise ConnectionRefusedError("Connection refused")

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            self.patch(socket, "socket", Refused)
            asking = _Datagrams(reactor, server.getsockname(), QuestionMessage(QUERY))
        self.addCleanup(asking.close)
        for _ in range(2):
            asking.doRead()
        self.failureResultOf(asking.answer, ConnectionRefusedError)

    def test_a_port_that_is_closed(self) -> Any:
        """The reactor loses the connection, and says nothing of the reason."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            address = server.getsockname()
        return self.assertFailure(self.ask(address), ConnectionRefusedError)

    def test_a_socket_that_cannot_be_connected_is_closed(self) -> None:
        sockets: list[socket.socket] = []

        class Socket(socket.socket):
            def connect(self, address: Any) -> None:
                sockets.append(self)
                raise OSError("Network is unreachable")

        self.patch(socket, "socket", Socket)
        self.failureResultOf(self.ask(("192.0.2.1", 53)), OSError)
        self.assertEqual([-1], [each.fileno() for each in sockets])

    def test_what_comes_after_the_answer_is_passed_over(self) -> None:
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(server.close)
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        question = QuestionMessage(QUERY)
        asking = _Datagrams(reactor, server.getsockname(), question)
        self.addCleanup(asking.close)
        asked, client = server.recvfrom(1000)
        self.assertEqual(bytes(question), asked)
        for data in (b"nonsense", answer_to(question), answer_to(question), malformed(question)):
            server.sendto(data, client)
            asking.doRead()
        self.successResultOf(asking.answer)
        asking.doRead()  # nothing is there


class OverTCP(TestCase):
    def test_a_server_that_hangs_up(self) -> Deferred[Any]:
        class Rude(Protocol):
            def connectionMade(self) -> None:
                assert self.transport is not None
                self.transport.loseConnection()

        port = reactor.listenTCP(0, Factory.forProtocol(Rude), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        server = ("127.0.0.1", port.getHost().port)
        asking = Deferred.fromCoroutine(ask_over_tcp(reactor, server, QuestionMessage(QUERY), 5.0))
        return self.assertFailure(asking, ConnectionClosed)

    def test_the_first_answer_counts(self) -> None:
        question = QuestionMessage(QUERY)
        stream = _Stream(question)
        stream.stringReceived(b"nonsense")
        self.assertNoResult(stream.answer)
        stream.stringReceived(answer_to(question))
        stream.stringReceived(answer_to(question))
        stream.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(stream.answer)
        self.successResultOf(stream.lost)

    def test_an_answer_that_cannot_be_decoded_ends_the_wait(self) -> None:
        question = QuestionMessage(QUERY)
        stream = _Stream(question)
        for _ in range(2):
            stream.stringReceived(malformed(question))
        self.failureResultOf(stream.answer, MalformedAnswer)


class Silence(SynchronousTestCase):
    def test_the_time_runs_out(self) -> None:
        class Reactor(Clock):
            def addReader(self, reader: object) -> None:
                self.reader = reader

            def removeReader(self, reader: object) -> None:
                del self.reader

        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(server.close)
        server.bind(("127.0.0.1", 0))
        clock: Any = Reactor()
        asking = Deferred.fromCoroutine(
            ask_over_udp(clock, server.getsockname(), QuestionMessage(QUERY), 5.0)
        )
        clock.advance(5)
        self.failureResultOf(asking, TimeoutError)
        self.assertFalse(hasattr(clock, "reader"))
