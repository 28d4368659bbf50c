"""Order, pausing, patience and ends of a connection, without sockets."""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailhost.interfaces.events import Refused
from mailhost.interfaces.wire import IWire
from mailhost.message.client import Client
from mailhost.net.limits import Bounds
from mailhost.net.pump import FORMER, LINGER, TURN
from tests.net.pumping import Connections, Lines, SlowTransport

GONE = Failure(ConnectionLost("reset"))
RESET = f"lost: {GONE.getErrorMessage()}"
CLOSED = Failure(ConnectionDone())


class PumpCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.context = Connections()
        self.pump, self.transport = self.context.connect()

    @property
    def machine(self) -> Lines:
        return self.context.machines[-1]


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
        self.assertEqual(len(self.machine.ran), TURN)
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
        self.assertEqual(len(self.machine.ran), TURN)

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


class PatienceTests(PumpCase):
    def test_silence(self) -> None:
        self.context.clock.advance(99)
        self.assertFalse(self.transport.closed)
        self.context.clock.advance(1)
        self.assertEqual(self.transport.read(), b"hello\ntoo slow\n")
        self.assertTrue(self.transport.closed)

    def test_silence_is_shorter_where_few_places_are_left(self) -> None:
        self.context.limits.bounds = Bounds(5, 5)
        self.context.clock.pump([10] * 6)
        self.assertEqual(self.machine.told, [])
        for _ in range(3):
            self.context.connect()
        self.pump.dataReceived(b"x\n")
        self.context.clock.pump([10] * 5)
        self.assertEqual(["timed out"] * 4, [each.told[0] for each in self.context.machines])

    def test_half_a_line_is_silence(self) -> None:
        for _ in range(100):
            self.pump.dataReceived(b"x")
            self.context.clock.advance(1)
        self.assertEqual(self.machine.told, ["timed out"])

    def test_a_line_is_not(self) -> None:
        for _ in range(10):
            self.context.clock.advance(90)
            self.pump.dataReceived(b"x\n")
        self.assertEqual(self.machine.told, [])

    def test_our_own_slowness_is_not_the_clients(self) -> None:
        self.pump.dataReceived(b"wait\n")
        for _ in range(100):
            self.context.clock.advance(20)
        self.assertEqual(self.machine.told, [])
        self.machine.waiting[0].callback(None)
        self.context.clock.advance(99)
        self.assertEqual(self.machine.told, [])
        self.context.clock.advance(31)
        self.assertEqual(self.machine.told, ["timed out"])

    def test_a_wait_that_gets_shorter(self) -> None:
        self.machine.timeout = 600.0
        self.context.clock.advance(100)  # the next look would be far away
        self.pump.dataReceived(b"x\n")
        self.machine.timeout = 100.0
        for _ in range(13):
            self.context.clock.advance(10)
        self.assertEqual(self.machine.told, ["timed out"])

    def test_a_peer_that_does_not_close_is_cut_off(self) -> None:
        self.pump.dataReceived(b"bye\n")
        self.assertFalse(self.transport.disconnected)
        self.context.clock.pump([10] * 7)
        self.assertTrue(self.transport.disconnected)
        self.assertLessEqual(LINGER, 60)

    def test_nothing_ticks_when_it_is_over(self) -> None:
        self.pump.connectionLost(CLOSED)
        self.assertEqual(self.context.clock.getDelayedCalls(), [])


class CrowdedTests(SynchronousTestCase):
    """Few places are left."""

    def connect(self, may_be_silent: bool) -> SlowTransport:
        """A client of a host whose places are all taken."""
        context = Connections(total=1)
        _, transport = context.connect()
        context.machines[0].may_be_silent = may_be_silent
        context.clock.pump([5.0] * 5)
        return transport

    def test_silent_clients_have_less_time(self) -> None:
        self.assertEqual(b"hello\ntoo slow\n", self.connect(may_be_silent=False).read())

    def test_not_those_that_are_silent_by_the_protocol(self) -> None:
        self.assertEqual(b"hello\n", self.connect(may_be_silent=True).read())


class WakeTests(PumpCase):
    """Output that no command asked for, as of a new message in IMAP's IDLE."""

    def push(self, *lines: bytes) -> None:
        for line in lines:
            self.machine.push(line)
        self.context.clock.advance(0)

    def test_output_without_a_command(self) -> None:
        self.transport.read()
        self.push(b"* 1 EXISTS", b"* 2 EXISTS")
        self.assertEqual(self.transport.read(), b"* 1 EXISTS\n* 2 EXISTS\n")

    def test_never_in_the_middle_of_an_answer(self) -> None:
        pump, transport = self.context.connect(room=10_000)
        pump.dataReceived(b"stream 5\n")
        self.push(b"* 1 EXISTS")
        output = b""
        while data := transport.read():
            output += data
        self.assertEqual(output, b"hello\n" + b"y" * 50_000 + b"streamed\n* 1 EXISTS\n")

    def test_after_the_step_under_way(self) -> None:
        self.pump.dataReceived(b"wait\n")
        self.push(b"* 1 EXISTS")
        self.assertEqual(self.transport.read(), b"hello\n")
        self.machine.waiting[0].callback(None)
        self.assertEqual(self.transport.read(), b"waited\n* 1 EXISTS\n")

    def test_a_client_that_does_not_read_is_sent_no_more(self) -> None:
        self.pump.dataReceived(b"big\n" * 7)
        self.push(*[b"z" * 10_000] * 100)
        self.assertLess(len(self.transport.value()), 150_000)
        while self.transport.read():
            pass
        self.assertEqual(self.machine.pushed, [])

    def test_a_handshake_comes_first(self) -> None:
        self.pump.dataReceived(b"tls\n")
        self.push(b"* 1 EXISTS")
        self.assertEqual(self.transport.read(), b"hello\n")

    def test_not_when_the_connection_is_over(self) -> None:
        self.pump.dataReceived(b"bye\n")
        self.push(b"* 1 EXISTS")
        self.assertEqual(self.transport.read(), b"hello\nbye\n")
        self.machine.push(b"* 2 EXISTS")
        self.pump.connectionLost(CLOSED)
        self.context.clock.advance(0)
        self.assertEqual(len(self.machine.pushed), 2)

    def test_the_client_is_silent_all_the_same(self) -> None:
        for _ in range(10):
            self.push(b"* 1 EXISTS")
            self.context.clock.advance(10)
        self.assertEqual(self.machine.told, ["timed out"])

    def test_a_command_after_it_ends_the_silence(self) -> None:
        for _ in range(10):
            self.push(b"* 1 EXISTS")
            self.context.clock.advance(90)
            self.pump.dataReceived(b"x\n")
        self.assertEqual(self.machine.told, [])

    def test_a_bug_in_it(self) -> None:
        def broken() -> bool:
            raise ZeroDivisionError

        self.machine.step = broken  # type: ignore[method-assign]
        self.push(b"* 1 EXISTS")
        self.assertEqual(self.transport.read(), b"hello\nsorry\n")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class GenerationTests(PumpCase):
    """A reload gives the factory another maker of sessions."""

    def test_former_sessions_are_asked_to_leave_after_an_hour(self) -> None:
        made: list[Lines] = []

        def make(wire: IWire, client: Client) -> Lines:
            made.append(Lines(wire, client))
            return made[-1]

        self.context.factory.serve(make)
        new, _ = self.context.connect()
        for _ in range(60):
            self.assertEqual([], self.machine.told)
            for pump in (self.pump, new):
                pump.dataReceived(b"noop\n")
            self.context.clock.advance(FORMER / 60)
        self.assertEqual((["stopping"], []), (self.machine.told, made[0].told))

    def test_not_in_the_middle_of_a_step(self) -> None:
        self.context.factory.serve(self.context._make)
        self.pump.dataReceived(b"wait\n")
        self.context.clock.advance(FORMER)
        self.assertEqual([], self.machine.told)
        self.machine.waiting[0].callback(None)
        self.assertEqual(["stopping"], self.machine.told)


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
        self.pump.connectionLost(CLOSED)
        self.assertEqual(self.machine.told, ["lost: closed by the client"])
        self.assertEqual(self.context.limits.total, 0)
        self.assertEqual(self.context.factory.connections, set())

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
