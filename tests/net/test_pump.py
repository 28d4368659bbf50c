"""Order, pausing and ends of a connection, without sockets."""

from __future__ import annotations

from collections.abc import Iterator

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from mailhost.interfaces.events import Refused
from mailhost.interfaces.wire import IWire
from mailhost.message.client import Client
from mailhost.net.pump import MOST_STEPS
from tests.net.pumping import CLOSED, Connections, Lines, PumpCase

GONE = Failure(ConnectionLost("reset"))
RESET = f"lost: {GONE.getErrorMessage()}"


class OrderTests(PumpCase):
    def test_interfaces(self) -> None:
        verifyObject(IWire, self.pump)
        verifyObject(IPushProducer, self.pump)

    def test_greeting(self) -> None:
        self.assertEqual(self.transport.read(), b"hello\n")

    def test_one_write_for_a_whole_pipeline(self) -> None:
        writes: list[bytes] = []
        self.transport.write = writes.append  # type: ignore[method-assign, assignment]
        self.pump.dataReceived(b"a\nb\nc\n")
        self.assertEqual(writes, [b"a\nb\nc\n"])

    def test_nothing_runs_and_nothing_is_read_while_a_step_waits(self) -> None:
        self.pump.dataReceived(b"a\nwait\nb\n")
        self.assertEqual(self.machine.ran, ["a", "wait"])
        self.assertEqual(self.transport.producerState, "producing")
        self.pump.dataReceived(b"c\n")
        self.assertEqual(self.machine.ran, ["a", "wait"])
        self.assertEqual(self.transport.producerState, "paused")
        self.machine.waiting[0].callback(None)
        self.assertEqual(self.machine.ran, ["a", "wait", "b", "c"])
        self.assertEqual(self.transport.producerState, "producing")
        self.assertEqual(self.transport.read(), b"hello\na\nwaited\nb\nc\n")

    def test_what_is_said_before_a_wait_is_sent_before_it(self) -> None:
        self.pump.dataReceived(b"a\nwait\n")
        self.assertEqual(self.transport.read(), b"hello\na\n")

    def test_one_wait_after_another(self) -> None:
        self.pump.dataReceived(b"wait\n" * 3 + b"a\n")
        for count in (1, 2, 3):
            self.assertEqual(len(self.machine.waiting), count)
            self.machine.waiting[-1].callback(None)
        self.assertEqual(self.machine.ran, ["wait"] * 3 + ["a"])

    def test_deep_pipelines_do_not_recurse(self) -> None:
        self.receive(b"noop\n" * 10_000)
        self.receive(b"fired\n" * 10_000)
        self.transport.read()
        self.receive(b"wait\n" + b"fired\n" * 3000 + b"end\n")
        self.machine.waiting[0].callback(None)
        self.context.clock.pump([0] * 20)
        self.assertEqual(self.machine.ran[-1], "end")

    def receive(self, data: bytes) -> None:
        """Let the pump have as many turns as it wants."""
        self.pump.dataReceived(data)
        self.context.clock.pump([0] * 60)

    def test_a_deep_pipeline_lets_others_have_their_turn(self) -> None:
        self.pump.dataReceived(b"a\n" * 500)
        self.assertEqual(len(self.machine.ran), MOST_STEPS)
        self.pump.dataReceived(b"b\n")
        self.assertEqual(self.transport.producerState, "paused")
        self.context.clock.advance(0)  # a clock of tests knows no others: all turns at once
        self.assertEqual(self.machine.ran, ["a"] * 500 + ["b"])
        self.assertEqual(self.transport.producerState, "producing")

    def test_so_do_steps_that_take_long(self) -> None:
        self.machine.waste = lambda: self.context.clock.advance(0.003)
        self.pump.dataReceived(b"long\n" * 10)
        self.assertEqual(len(self.machine.ran), 2)
        for _ in range(5):
            self.context.clock.advance(0)
        self.assertEqual(len(self.machine.ran), 10)

    def test_who_goes_away_between_two_turns(self) -> None:
        self.pump.dataReceived(b"a\n" * 500)
        self.pump.connectionLost(GONE)
        self.context.clock.advance(0)
        self.assertEqual(len(self.machine.ran), MOST_STEPS)

    def test_the_client_is_described(self) -> None:
        for address, ip, port in (
            (IPv4Address("TCP", "192.0.2.9", 1), "192.0.2.9", 1),
            (IPv6Address("TCP", "2001:db8::1", 2), "2001:db8::1", 2),
            (IPv6Address("TCP", "::ffff:192.0.2.9", 3), "192.0.2.9", 3),
            (UNIXAddress(b"/run/lmtp"), "", 0),
        ):
            self.context.connect(address)
            client = self.machine.client
            self.assertEqual((client.ip, client.port, client.protocol), (ip, port, "smtp"))
            self.assertTrue(client.session)


class SlowReaderTests(PumpCase):
    def test_who_reads_no_replies_is_not_served(self) -> None:
        """However much comes, the replies kept are bounded, and reading stops."""
        for _ in range(100):
            if self.transport.producerState == "paused":
                break
            self.pump.dataReceived(b"big\n" * 1000)
        self.assertEqual(self.transport.producerState, "paused")
        self.assertLess(self.transport.most, 200_000)
        self.assertLess(self.machine.largest, 10_000)
        self.assertLess(len(self.machine.ran), 20)

    def test_reading_replies_goes_on(self) -> None:
        self.pump.dataReceived(b"big\n" * 1000)
        received = b""
        for _ in range(1000):
            data = self.transport.read()
            if not data:
                break
            received += data
        self.assertEqual(received, b"hello\n" + b"x" * 10_000_000)
        self.assertEqual(self.transport.producerState, "producing")
        self.assertLess(self.transport.most, 200_000)

    def test_a_stream_waits_for_its_reader(self) -> None:
        self.pump.dataReceived(b"stream 100\nafter\n")
        self.assertLess(self.transport.most, 140_000)
        received = b""
        while data := self.transport.read():
            received += data
        self.assertEqual(received, b"hello\n" + b"y" * 1_000_000 + b"streamed\nafter\n")
        self.assertLess(self.transport.most, 140_000)

    def test_a_stream_to_a_fast_reader_lets_others_have_their_turn(self) -> None:
        """The transport takes all, as the client reads at once."""
        turns: list[int] = []
        sent = 0

        def chunks() -> Iterator[bytes]:
            nonlocal sent
            for number in range(1, 11):
                sent = number
                self.context.clock.rightNow += 0.003
                yield b"y" * 70_000
                self.pump.resumeProducing()

        self.transport.write = lambda data: None  # type: ignore[method-assign]
        self.context.clock.callLater(0, lambda: turns.append(sent))
        done = Deferred.fromCoroutine(self.pump._stream(chunks()))
        self.assertFalse(done.called)
        self.context.clock.pump([0] * 20)
        self.assertEqual([2], turns)
        self.assertTrue(done.called)

    def test_a_stream_ends_with_its_connection(self) -> None:
        self.pump.dataReceived(b"stream 100\n")
        self.pump.connectionLost(GONE)
        self.assertEqual(self.machine.told, [RESET])

    def test_a_reader_that_stalls_is_cut_off(self) -> None:
        for order in (b"stream 100\n", b"big\n" * 100):
            _, transport = self.context.connect()
            pump = transport.producer
            assert pump is not None
            pump.dataReceived(order)
            self.context.clock.advance(99)
            self.assertFalse(transport.closed)
            self.context.clock.advance(31)
            self.assertTrue(transport.disconnected)

    def test_a_reader_that_is_only_slow_is_served(self) -> None:
        self.pump.dataReceived(b"stream 100\n")
        while self.transport.read():
            self.context.clock.advance(40)
        self.assertEqual(self.machine.told, [])


class EndTests(PumpCase):
    def test_hang_up(self) -> None:
        self.pump.dataReceived(b"a\nbye\nb\n")
        self.assertEqual(self.transport.read(), b"hello\na\nbye\n")
        self.assertTrue(self.transport.closed)
        self.pump.dataReceived(b"c\n")
        self.assertEqual(self.machine.ran, ["a", "bye"])

    def test_hang_up_with_replies_unread(self) -> None:
        """A transport with a producer does not close: the producer might bring more."""
        for orders in (b"big\n" * 20 + b"bye\n", b"big\n" * 6 + b"bye\n"):
            pump, transport = self.context.connect()
            pump.dataReceived(orders)
            while transport.read():
                pass
            self.assertTrue(transport.closed)

    def test_lost_once(self) -> None:
        self.pump.dataReceived(b"a\n")
        self.assertEqual(1, self.context.factory.open_count)
        self.pump.connectionLost(CLOSED)
        self.assertEqual(self.machine.told, ["lost: closed by the client"])
        self.assertEqual(self.context.limits.total, 0)
        self.assertEqual(self.context.factory.connections, set())
        self.assertEqual(0, self.context.factory.open_count)

    def test_lost_while_a_step_waits(self) -> None:
        self.pump.dataReceived(b"wait\na\n")
        self.pump.connectionLost(GONE)
        self.assertEqual(self.machine.told, [RESET])
        self.machine.waiting[0].callback(None)
        self.assertEqual(self.machine.ran, ["wait"])
        self.assertEqual(self.transport.read(), b"hello\n")

    def test_a_bug(self) -> None:
        self.pump.dataReceived(b"a\nboom\nb\n")
        self.assertEqual(self.transport.read(), b"hello\na\nsorry\n")
        self.assertTrue(self.transport.closed)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.machine.ran, ["a", "boom"])

    def test_a_bug_later(self) -> None:
        self.pump.dataReceived(b"later boom\nb\n")
        self.machine.waiting[0].callback(None)
        self.assertEqual(self.transport.read(), b"hello\nsorry\n")
        self.assertTrue(self.transport.closed)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_bug_after_the_end(self) -> None:
        self.pump.dataReceived(b"later boom\n")
        self.pump.connectionLost(GONE)
        self.machine.waiting[0].callback(None)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.machine.told, [RESET])

    def test_a_bug_at_the_door(self) -> None:
        def broken(*_: object) -> Lines:
            raise ZeroDivisionError

        self.context.factory.machine_of = broken
        _, transport = self.context.connect()
        self.assertTrue(transport.disconnected)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_greeting_that_waits(self) -> None:
        greeting: Deferred[None] = Deferred()

        class Slow(Lines):
            async def greet(self) -> None:
                await greeting
                self._wire.write(b"at last\n")

        made: list[Slow] = []

        def make(wire: IWire, client: Client) -> Lines:
            made.append(Slow(wire, client))
            return made[0]

        self.context.factory.machine_of = make
        pump, transport = self.context.connect()
        pump.dataReceived(b"early\n")
        self.assertEqual(made[0].ran, [])
        greeting.callback(None)
        self.assertEqual(transport.read(), b"at last\nearly\n")


class HandshakeTests(PumpCase):
    def test_what_comes_in_the_clear_is_dropped(self) -> None:
        self.pump.dataReceived(b"tls\n")
        self.assertEqual(self.transport.handshakes, 1)
        self.machine.largest = 0
        self.pump.dataReceived(b"injected\n")
        self.assertEqual((self.machine.ran, self.machine.largest), (["tls"], 0))

    def test_a_handshake_that_stalls(self) -> None:
        self.pump.dataReceived(b"tls\n")
        self.context.clock.pump([10] * 5)
        self.assertFalse(self.transport.disconnected)
        self.context.clock.pump([10] * 2)
        self.assertTrue(self.transport.disconnected)
        self.assertEqual(self.machine.told, [])


class LimitTests(PumpCase):
    def test_too_many_of_one_client(self) -> None:
        context = Connections(per_client=1)
        pump, _ = context.connect()
        _, refused = context.connect()
        self.assertEqual(
            refused.read(), b"421 Too many connections from your address; please close some\r\n"
        )
        self.assertTrue(refused.disconnecting)
        self.assertIsInstance(context.events.told[0], Refused)
        self.assertEqual(len(context.machines), 1)
        pump.connectionLost(CLOSED)
        context.connect()
        self.assertEqual(len(context.machines), 2)

    def test_too_many(self) -> None:
        context = Connections(total=1)
        context.connect()
        _, refused = context.connect(IPv4Address("TCP", "192.0.2.8", 1))
        self.assertTrue(refused.read().startswith(b"421 Too busy"))

    def test_nothing_in_the_clear_where_tls_is_expected(self) -> None:
        context = Connections(implicit_tls=True, total=0)
        _, refused = context.connect()
        self.assertEqual(refused.read(), b"")
        self.assertTrue(refused.disconnecting)

    def test_a_handshake_that_does_not_come(self) -> None:
        context = Connections(implicit_tls=True)
        _, transport = context.connect()
        self.assertEqual(transport.read(), b"")
        context.clock.pump([10] * 5)
        self.assertFalse(transport.disconnected)
        context.clock.pump([10] * 2)
        self.assertTrue(transport.disconnected)
        self.assertEqual(context.machines, [])


class DrainTests(PumpCase):
    def drain(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.context.factory.drain(30))

    def test_nobody_there(self) -> None:
        self.pump.connectionLost(CLOSED)
        self.successResultOf(self.drain())

    def test_at_rest(self) -> None:
        drained = self.drain()
        self.assertEqual(self.transport.read(), b"hello\nclosing\n")
        self.assertTrue(self.transport.closed)
        self.assertNoResult(drained)
        self.pump.connectionLost(CLOSED)
        self.successResultOf(drained)
        self.assertEqual(self.context.clock.getDelayedCalls(), [])

    def test_what_is_under_way_ends_first(self) -> None:
        self.pump.dataReceived(b"wait\nnever\n")
        drained = self.drain()
        self.assertEqual(self.machine.told, [])
        self.machine.waiting[0].callback(None)
        self.assertEqual(self.transport.read(), b"hello\nwaited\nclosing\n")
        self.assertEqual(self.machine.ran, ["wait"])
        self.pump.connectionLost(CLOSED)
        self.successResultOf(drained)

    def test_not_for_ever(self) -> None:
        self.pump.dataReceived(b"wait\n")
        drained = self.drain()
        self.context.clock.advance(29)
        self.assertFalse(self.transport.disconnected)
        self.context.clock.advance(1)
        self.assertTrue(self.transport.disconnected)
        self.pump.connectionLost(GONE)
        self.successResultOf(drained)

    def test_a_handshake_is_not_waited_for(self) -> None:
        context = Connections(implicit_tls=True)
        _, transport = context.connect()
        Deferred.fromCoroutine(context.factory.drain(30))
        self.assertTrue(transport.disconnected)
