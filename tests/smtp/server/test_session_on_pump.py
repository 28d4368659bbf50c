"""A session that is driven by the pump, as in the host: order, timeouts, bugs, ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.wire import IMachine, IWire
from mailhost.message.client import Client
from mailhost.net.limits import Bounds, ConnectionLimits
from mailhost.net.pump import Pump, PumpFactory, ServedProtocol
from mailhost.smtp.server.options import SessionOptions
from mailhost.smtp.server.reply import encode_reply
from mailhost.smtp.server.session import Session
from tests.net.pumping import PEER, NoTLS, SlowTransport
from tests.smtp.fakes import TERMS, Events, FakeReception, codes

START = b"EHLO x\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.com>\r\n"
LOST = Failure(ConnectionLost("reset"))


class SessionOnPumpTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.events = Events()
        self.reception = FakeReception()
        self.options = replace(TERMS, command_timeout=300.0, data_timeout=600.0)
        self.factory = PumpFactory(
            ServedProtocol("smtp", False, encode_reply),
            self.make,
            self.clock,
            ConnectionLimits(Bounds(10, 2)),
            cast("IOpenSSLServerConnectionCreator", NoTLS()),
            self.events,
        )

    def make(self, wire: IWire, client: Client) -> IMachine:
        return Session(wire, client, self.reception, None, self.options, self.events)

    def connect(self) -> tuple[Pump, SlowTransport]:
        protocol: Any = self.factory.buildProtocol(PEER)
        transport = SlowTransport()
        protocol.makeConnection(transport)
        return protocol, transport

    def begin(self, options: SessionOptions | None = None) -> None:
        self.options = options or self.options
        self.pump, self.transport = self.connect()
        self.transport.read()

    def say(self, data: bytes) -> list[str]:
        self.pump.dataReceived(data)
        return codes(self.transport.read())

    @property
    def fates(self) -> list[str]:
        return [transaction.fate for transaction in self.reception.transactions]

    def test_a_hundred_thousand_commands(self) -> None:
        self.begin(replace(TERMS, idle_commands=1_000_000))
        self.reception.quick.add("hello")
        self.pump.dataReceived(b"NOOP\r\n" * 100_000 + b"EHLO x\r\n" * 5000 + b"QUIT\r\n")
        replies = b""
        while data := self.transport.read():
            replies += data
            self.clock.advance(0)
        self.assertEqual(replies.count(b"250 2.0.0 OK\r\n"), 100_000)
        self.assertEqual(replies.count(b"250 HELP\r\n"), 5000)
        self.assertTrue(replies.endswith(b"221 2.0.0 Goodbye\r\n"))
        self.assertLess(self.transport.most, 200_000)
        self.assertTrue(self.transport.closed)

    def test_many_recipients_answered_at_once_by_deferreds(self) -> None:
        self.begin(replace(TERMS, recipients=20_000))
        self.reception.quick = {"recipient", "transaction", "begin", "write", "end"}
        self.pump.dataReceived(START + b"RCPT TO:<c@example.com>\r\n" * 10_000 + b"DATA\r\n.\r\n")
        replies = b""
        while data := self.transport.read():
            replies += data
            self.clock.advance(0)
        self.assertEqual(codes(replies)[-2:], ["354", "250 2.0.0"])
        self.assertEqual(len(self.reception.transactions[0].paths), 10_001)

    def test_strict_order_while_the_reception_thinks(self) -> None:
        self.begin()
        self.reception.slow.add("recipient")
        self.assertEqual(self.say(START + b"DATA\r\nhi\r\n.\r\n"), ["250", "250 2.1.0"])
        self.assertEqual(self.say(b"QUIT\r\n"), [])
        self.assertEqual(self.transport.producerState, "paused")
        self.reception.release()
        said = codes(self.transport.read())
        self.assertEqual(said, ["250 2.0.0", "354", "250 2.0.0", "221 2.0.0"])

    def test_silence(self) -> None:
        self.begin()
        self.clock.pump([10] * 30)
        self.assertEqual(codes(self.transport.read()), ["421 4.4.2"])
        self.assertTrue(self.transport.closed)

    def test_silence_in_the_content(self) -> None:
        self.begin()
        self.say(START + b"DATA\r\nhalf")
        self.clock.pump([10] * 59)
        self.assertEqual(codes(self.transport.read()), [])
        self.clock.pump([10] * 3)
        self.assertEqual(codes(self.transport.read()), ["421 4.4.2"])
        self.pump.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.fates, ["abandoned"])

    def test_we_are_slow_and_the_client_is_not_blamed(self) -> None:
        self.begin()
        self.reception.slow.add("end")
        self.say(START + b"DATA\r\n.\r\n")
        self.clock.pump([100] * 50)
        self.assertEqual(codes(self.transport.read()), [])
        self.reception.release()
        self.assertEqual(codes(self.transport.read()), ["250 2.0.0"])

    def test_a_bug_in_the_reception(self) -> None:
        def bug(_: object) -> None:
            raise ZeroDivisionError

        for question in ("recipient", "end"):
            self.reception.answers = {question: bug}
            self.begin()
            said = self.say(START + b"DATA\r\n.\r\nNOOP\r\n")
            self.assertEqual(said[-1], "421 4.3.0")
            self.assertTrue(self.transport.closed)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
            self.pump.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.fates, ["abandoned", "ended"])
        self.reception.answers = {}
        self.begin()
        self.assertEqual(self.say(START)[-1], "250 2.0.0", "the others are served")

    def test_lost_while_the_reception_thinks(self) -> None:
        for question in ("transaction", "recipient", "begin", "write", "end"):
            self.reception.slow = {question}
            self.begin()
            self.say(START + b"DATA\r\nhi\r\n.\r\n")
            self.assertEqual(len(self.reception.waiting), 1)
            self.pump.connectionLost(LOST)
            self.reception.release()
        self.assertEqual(self.fates, ["abandoned"] * 4 + ["ended"])

    def test_a_stop_waits_for_the_answer_to_the_content(self) -> None:
        self.begin()
        self.reception.slow.add("end")
        self.say(START + b"DATA\r\n.\r\n")
        idle, idle_transport = self.connect()
        drained = Deferred.fromCoroutine(self.factory.drain(30))
        self.assertEqual(codes(idle_transport.read()), ["220", "421 4.3.2"])
        idle.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(codes(self.transport.read()), [])
        self.reception.release()
        self.assertEqual(codes(self.transport.read()), ["250 2.0.0", "421 4.3.2"])
        self.pump.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(drained)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_too_many_connections(self) -> None:
        self.connect()
        self.connect()
        _, transport = self.connect()
        self.assertEqual(
            transport.read(),
            b"421 4.7.0 Too many connections from your address; please close some\r\n",
        )
        self.assertIn("refused connection", self.events.lines[-1])

    def test_far_more_than_fits(self) -> None:
        """The message is read to its end in bounded memory, and refused."""
        self.begin(replace(TERMS, message_size=100_000))
        self.assertEqual(self.say(START + b"DATA\r\n")[-1], "354")
        block = b"x" * 65534 + b"\r\n"
        for _ in range(2000):
            self.pump.dataReceived(block)
        self.assertEqual(self.say(b".\r\nNOOP\r\n"), ["552 5.3.4", "250 2.0.0"])
        self.assertLessEqual(len(self.reception.transactions[0].content), 100_000)
