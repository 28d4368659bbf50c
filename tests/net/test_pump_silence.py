"""Silence of clients, output that no command asked for, and sessions of before a reload."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.wire import IWire
from mailhost.message.client import Client
from mailhost.net.limits import Bounds
from mailhost.net.pump import CLOSE_TIMEOUT, FORMER_SETTINGS
from tests.net.pumping import CLOSED, Connections, Lines, PumpCase, SlowTransport


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
        self.assertLessEqual(CLOSE_TIMEOUT, 60)

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
            self.context.clock.advance(FORMER_SETTINGS / 60)
        self.assertEqual((["stopping"], []), (self.machine.told, made[0].told))

    def test_those_of_a_removed_listener_too(self) -> None:
        retiring = Deferred.fromCoroutine(self.context.factory.retire())
        for _ in range(60):
            self.assertEqual([], self.machine.told)
            self.pump.dataReceived(b"noop\n")
            self.context.clock.advance(FORMER_SETTINGS / 60)
        self.assertEqual(["stopping"], self.machine.told)
        self.assertNoResult(retiring)
        self.pump.connectionLost(CLOSED)
        self.successResultOf(retiring)

    def test_a_removed_listener_leaves_nothing_behind_when_they_end_earlier(self) -> None:
        retiring = Deferred.fromCoroutine(self.context.factory.retire())
        self.pump.connectionLost(CLOSED)
        self.successResultOf(retiring)
        self.assertEqual([], self.context.clock.getDelayedCalls())

    def test_not_in_the_middle_of_a_step(self) -> None:
        self.context.factory.serve(self.context._make)
        self.pump.dataReceived(b"wait\n")
        self.context.clock.advance(FORMER_SETTINGS)
        self.assertEqual([], self.machine.told)
        self.machine.waiting[0].callback(None)
        self.assertEqual(["stopping"], self.machine.told)
