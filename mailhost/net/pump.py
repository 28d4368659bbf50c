"""Drives a server's session from a Twisted transport: steps in order, one at a time.

While a step waits, no other is taken. If more octets arrive meanwhile, reading stops, and the rest
stays in the kernel. The pump is its transport's producer, so a client that does not read its
replies is not served until it does. A client that is silent for longer than `machine.timeout` is
disconnected. If few connections are left, clients are disconnected after SILENCE_WHEN_CROWDED
seconds of silence, unless the session says that its client may be silent. After MOST_STEPS steps in
a row, or LONGEST_RUN seconds, the other connections are served first, however many commands one of
them has pipelined, and however fast it reads a message.

Output that no command asked for (a new message during IMAP's IDLE) is written in a step too: the
session calls `wake`, and the pump takes a step once none is under way and the client reads.

Memory is bounded: one read brings 64 KiB at most, and OUTPUT_BUFFER octets of replies are
collected. The session adds what it keeps, and the largest reply that it makes in one step.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from types import CoroutineType

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IDelayedCall,
    IHandshakeListener,
    IOpenSSLServerConnectionCreator,
    IPushProducer,
    IReactorTime,
    ITCPTransport,
    ITLSTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailhost.concurrency.pauses import next_turn
from mailhost.interfaces.counts import CONNECTIONS, HANDSHAKES, ICounts, NoCounts
from mailhost.interfaces.events import IEventSink, Refused, count_key
from mailhost.interfaces.wire import IMachine, IServerFactory, IWire
from mailhost.message.client import Client
from mailhost.message.ids import new_id
from mailhost.message.status import Status
from mailhost.net.deflate import BadDeflate, Deflate
from mailhost.net.direct_writer import DirectWriter, gathered, send_at_once
from mailhost.net.limits import ConnectionLimits
from mailhost.net.open_connections import OpenConnections
from mailhost.net.peer import peer_of
from mailhost.net.refusal import Refusal
from mailhost.net.tls.server import tls_state

OUTPUT_BUFFER = 65536  # octets of replies that are collected before the transport gets them
MOST_STEPS = 20  # in a row of one connection; a thousand connections may pipeline
LONGEST_RUN = 0.004  # seconds in a row of one connection, for steps that take long
SILENCE_CHECKS = 30.0  # seconds at most between two checks of how long a client has been silent
SILENCE_WHEN_CROWDED = 20.0  # seconds of silence if few connections are left
FORMER_SETTINGS = 3600.0  # seconds that a session may go on with the settings before a reload
CLOSE_TIMEOUT = 30.0  # seconds that a client has to take the last reply

CLIENT_GONE = "the client went away"
MachineMaker = Callable[[IWire, Client], IMachine]


@dataclass(frozen=True, slots=True)
class ServedProtocol:
    """The properties that all connections of one listening socket share.

    `protocol` is the name for the log. `busy` encodes a refusal by the connection limits.
    """

    protocol: str
    implicit_tls: bool
    busy: Callable[[Status], bytes]


class Phase(Enum):
    """The phases of a connection, in this order; a handshake may follow OPEN once more."""

    HANDSHAKE = auto()  # of TLS, or the session is not made yet: octets that arrive are dropped
    OPEN = auto()  # the session takes steps
    CLOSING = auto()  # the last reply is being sent: no step is taken
    GONE = auto()  # the connection is lost


HANDSHAKE, OPEN, CLOSING, GONE = Phase  # reading them from the class takes longer


@implementer(IWire, IPushProducer, IHandshakeListener)
class Pump(Protocol):
    """One connection."""

    def __init__(self, factory: PumpFactory, client: Client) -> None:
        self._clock = factory.clock
        self._factory = factory
        self._client = client
        self._machine: IMachine | None = None
        self._phase = HANDSHAKE
        self._output: list[bytes] = []
        self._output_size = 0  # octets
        self._busy = False  # a step is under way
        self._throttled = False  # the client does not read: the transport wants no more output
        self._drained: Deferred[None] | None = None  # fires when the client reads again
        self._reading_paused = False
        self._stop_when_idle = False
        self._wake_scheduled = False
        self._unsolicited = False  # the client has sent nothing since the machine was woken
        self._deflate: Deflate | None = None
        self._last_heard = 0.0  # seconds: when the client last sent or read something
        self._silence_timer: IDelayedCall | None = None

    # --- calls of the transport ------------------------------------------------------------------

    def connectionMade(self) -> None:
        self._factory.connections.add(self)
        self._tcp: ITCPTransport = ITCPTransport(self.transport, self.transport)
        send_at_once(self._tcp)
        self._writer = DirectWriter(self._tcp)
        IConsumer(self._tcp, self._tcp).registerProducer(self, True)
        self._last_heard = self._clock.seconds()
        if not self._factory.served.implicit_tls:
            self._begin()
        self._silence_timer = self._clock.callLater(
            min(self._silence_limit(), SILENCE_CHECKS), self._check_silence
        )

    def handshakeCompleted(self) -> None:
        self._client = replace(self._client, tls=tls_state(self.transport))
        self._factory.count_handshake(self._client)
        if self._machine is None:
            self._begin()
        elif self._phase is HANDSHAKE and self._client.tls is not None:
            self._phase = OPEN
            self._machine.secured(self._client.tls)
            self._run()

    def dataReceived(self, data: bytes) -> None:
        if self._machine is None or self._phase is not OPEN:
            return
        self._unsolicited = False
        if self._deflate is None:
            self._machine.receive(data)
        else:
            self._deflate.feed(data)
        if self._busy or self._throttled:
            self._pause_reading()
        else:
            self._run()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._phase = GONE
        if self._silence_timer is not None and self._silence_timer.active():
            self._silence_timer.cancel()
        self._factory.forget(self, self._client)
        if reason.check(SSL.Error):
            status = Status(454, "4.7.0", "TLS handshake failed", reason.getErrorMessage())
            self._factory.events.emit(Refused(self._client, "TLS", status))
        if self._machine is not None:
            clean = reason.check(ConnectionDone)
            self._machine.lost("closed by the client" if clean else reason.getErrorMessage())
        if self._drained is not None:
            drained, self._drained = self._drained, None
            drained.errback(ConnectionLost(CLIENT_GONE))

    def pauseProducing(self) -> None:
        self._throttled = True
        self._pause_reading()

    def resumeProducing(self) -> None:
        self._throttled = False
        self._writer.drained()  # a transport resumes its producer when its buffer is empty
        self._last_heard = self._clock.seconds()
        if self._drained is not None:
            drained, self._drained = self._drained, None
            drained.callback(None)
        elif not self._busy:
            self._run()

    def stopProducing(self) -> None:
        if self._phase is not GONE:
            self._phase = CLOSING

    # --- calls of the session (IWire) ------------------------------------------------------------

    def write(self, data: bytes) -> None:
        self._output.append(data)
        self._output_size += len(data)

    def wake(self) -> None:
        if not self._wake_scheduled:
            self._wake_scheduled = True
            self._clock.callLater(0, self._wake)

    def stream(self, chunks: Iterator[bytes]) -> Awaitable[None]:
        return self._stream(chunks)

    async def _stream(self, chunks: Iterator[bytes]) -> None:
        end = self._clock.seconds() + LONGEST_RUN
        for chunk in gathered(chunks):
            if self._phase is GONE:
                raise ConnectionLost(CLIENT_GONE)
            self.write(chunk)
            self._flush()
            if self._throttled:
                self._drained = Deferred()
                await self._drained
            elif self._clock.seconds() > end:
                await next_turn(self._clock)
            else:
                continue
            end = self._clock.seconds() + LONGEST_RUN

    def start_tls(self) -> None:
        self._flush()
        self._writer.stop()
        self._phase = HANDSHAKE
        self._last_heard = self._clock.seconds()
        ITLSTransport(self.transport).startTLS(self._factory.tls)

    def compress(self) -> None:
        self._flush()
        self._deflate = Deflate()

    def hang_up(self) -> None:
        self._flush()
        if self._phase in (CLOSING, GONE):
            return
        self._phase = CLOSING
        self._throttled = False
        self._last_heard = self._clock.seconds()
        # neither TCP nor TLS closes while a producer is registered
        IConsumer(self._tcp, self._tcp).unregisterProducer()
        self._tcp.loseConnection()

    # --- steps -----------------------------------------------------------------------------------

    def stopping(self) -> None:
        """Have the session send its last reply, after the step under way."""
        if self._busy:
            self._stop_when_idle = True
        elif self._machine is None:
            self.abort()
        else:
            self._machine.stopping()
            self._flush()

    def abort(self) -> None:
        """Close at once."""
        if self._phase is not GONE:
            self._tcp.abortConnection()

    def _begin(self) -> None:
        try:
            self._machine = self._factory.machine_of(self, self._client)
            self._phase = OPEN
            answer = self._machine.greet()
        except Exception:  # noqa: BLE001 - as in _run
            self._fail(Failure())
            return
        if answer is None or self._is_ready(answer):
            self._busy = False
            self._flush()

    def _run(self) -> None:
        machine = self._machine
        assert machine is not None
        self._busy = True
        try:
            steps, now = 0, self._clock.seconds()
            end = now + LONGEST_RUN
            while self._phase is OPEN and not self._throttled:
                if steps == MOST_STEPS or now > end:
                    self._flush()
                    self._clock.callLater(0, self._answered, None)
                    return
                steps += 1
                answer = machine.step()
                if answer is False:
                    if self._deflate is not None and self._inflated(self._deflate):
                        continue
                    break
                if answer is not True and not self._is_ready(answer):
                    return
                now = self._clock.seconds()
                if not self._unsolicited:
                    self._last_heard = now
                if self._output_size > OUTPUT_BUFFER:
                    self._flush()
        except Exception:  # noqa: BLE001 - a bug in one session must not reach the others
            self._fail(Failure())
        self._busy = False
        self._flush()
        self._resume_reading()

    def _inflated(self, deflate: Deflate) -> bool:
        """Hand the machine the next octets that came compressed; False where there are none."""
        try:
            data = deflate.take()
        except BadDeflate as error:
            status = Status(500, "5.5.2", "The compressed data is malformed", str(error))
            self._factory.events.emit(Refused(self._client, "compressed data", status))
            self.abort()
            return False
        if data:
            assert self._machine is not None
            self._machine.receive(data)
        return bool(data)

    def _wake(self) -> None:
        """Take a step, unless one follows anyway when a wait ends."""
        self._wake_scheduled = False
        if self._phase is OPEN and not (self._busy or self._throttled):
            self._unsolicited = True
            self._run()

    def _is_ready(self, answer: Awaitable[object]) -> bool:
        """Return True if the answer has come already; else have `_answered` called when it does."""
        self._busy = True
        coroutine = answer if isinstance(answer, CoroutineType) else _awaited(answer)
        waiting = Deferred.fromCoroutine(coroutine)
        if waiting.called and not isinstance(waiting.result, Failure):
            return True
        self._flush()
        waiting.addCallbacks(self._answered, self._fail)
        return False

    def _answered(self, _: object) -> None:
        self._busy = False
        if not self._unsolicited:
            self._last_heard = self._clock.seconds()
        if self._phase is GONE:
            return
        if self._stop_when_idle:
            self.stopping()
        self._run()

    def _fail(self, failure: Failure) -> None:
        self._busy = False
        gone = self._phase is GONE
        if gone and failure.check(ConnectionLost):
            return
        self._factory.log.failure("A session failed", failure)
        if self._machine is None:
            self.abort()
        elif not gone:
            self._machine.failed()
            self.hang_up()

    def _flush(self) -> None:
        if self._output and self._phase is not GONE:
            data = self._output[0] if len(self._output) == 1 else b"".join(self._output)
            self._writer.write(data if self._deflate is None else self._deflate.compressed(data))
        self._output.clear()
        self._output_size = 0

    def _pause_reading(self) -> None:
        if not self._reading_paused:
            self._reading_paused = True
            IPushProducer(self._tcp, self._tcp).pauseProducing()

    def _resume_reading(self) -> None:
        if self._reading_paused and not (self._throttled or self._phase is GONE):
            self._reading_paused = False
            IPushProducer(self._tcp, self._tcp).resumeProducing()

    # --- silence ---------------------------------------------------------------------------------

    def _silence_limit(self) -> float:
        """Return how many seconds the client may be silent now."""
        if self._phase is CLOSING:
            return CLOSE_TIMEOUT
        machine = self._machine if self._phase is OPEN else None
        limit = self._factory.handshake_timeout if machine is None else machine.timeout
        if self._factory.crowded and not (machine is not None and machine.may_be_silent):
            return min(limit, SILENCE_WHEN_CROWDED)
        return limit

    def _check_silence(self) -> None:
        if self._phase is GONE:
            return
        now = self._clock.seconds()
        if self._busy and not (self._throttled or self._phase is CLOSING):
            self._last_heard = now  # the client waits for us
        elif self._deflate is not None and now - self._last_heard >= SILENCE_CHECKS:
            self._deflate.rest()
        left = self._last_heard + self._silence_limit() - now
        if left <= 0:
            if self._machine is None or self._phase is not OPEN or self._throttled:
                self.abort()
                return
            self._machine.timed_out()
            self.hang_up()
            left = CLOSE_TIMEOUT
        self._silence_timer = self._clock.callLater(min(left, SILENCE_CHECKS), self._check_silence)


async def _awaited(answer: Awaitable[object]) -> object:
    return await answer


@implementer(IServerFactory)
class PumpFactory(Factory):
    """Makes a Pump for each connection within the limits.

    `machine_of` makes the session of a connection; `serve` replaces it. Connections that are open
    then, or when the listener is removed, keep their sessions. After FORMER_SETTINGS seconds these
    are ended as at a stop of the host: each once nothing is under way.
    """

    noisy = False
    handshake_timeout = 60.0

    def __init__(
        self,
        served: ServedProtocol,
        machine_of: MachineMaker,
        clock: IReactorTime,
        limits: ConnectionLimits,
        tls: IOpenSSLServerConnectionCreator,
        events: IEventSink,
        counts: ICounts = NoCounts(),  # noqa: B008 -- without a state
    ) -> None:
        self.served = served
        self.machine_of = machine_of
        self.clock = clock
        self.tls = tls
        self.events = events
        self.log = Logger("mailhost.net")
        self.connections: OpenConnections[Pump] = OpenConnections()
        self._limits = limits
        self._counts = counts

    def buildProtocol(self, addr: IAddress | None) -> Pump | Refusal:
        ip, port = peer_of(addr)
        client = Client(ip, port, self.served.protocol, new_id())
        refusal = self._limits.admit(ip)
        if refusal is not None:
            self.events.emit(Refused(client, "connection", refusal))
            # a client that begins with a TLS handshake cannot read a reply in plain text
            return Refusal(b"" if self.served.implicit_tls else self.served.busy(refusal))
        self._counts.count(count_key(CONNECTIONS, self.served.protocol))
        return Pump(self, client)

    def count_handshake(self, client: Client) -> None:
        """Count a TLS handshake that has ended well."""
        if client.tls is not None:
            self._counts.count(count_key(HANDSHAKES, self.served.protocol, client.tls.version))

    def serve(self, machine_of: MachineMaker) -> None:
        """Make the sessions of new connections with `machine_of`."""
        self.machine_of = machine_of
        former = list(self.connections)
        if former:
            self.clock.callLater(FORMER_SETTINGS, self._end_former, former)

    def _end_former(self, former: Sequence[Pump]) -> None:
        for pump in former:
            if pump in self.connections:
                pump.stopping()

    @property
    def crowded(self) -> bool:
        """True if few connections are left below the limit: silent clients then have less time."""
        return self._limits.crowded

    def forget(self, pump: Pump, client: Client) -> None:
        """Take out a connection that is lost, and release its place in the limits."""
        self._limits.release(client.ip)
        self.connections.forget(pump)

    @property
    def open_count(self) -> int:
        """See IServerFactory."""
        return len(self.connections)

    async def drain(self, seconds: float) -> None:
        """See IServerFactory: steps and transactions under way have `seconds` to end."""
        for pump in list(self.connections):
            pump.stopping()
        await self.connections.drain(self.clock, seconds, Pump.abort)

    async def retire(self) -> None:
        """See IServerFactory. Connections have FORMER_SETTINGS seconds, as after a reload."""
        end = self.clock.callLater(FORMER_SETTINGS, self._end_former, list(self.connections))
        await self.connections.ended()
        if end.active():
            end.cancel()

    async def ended(self) -> None:
        """Wait until there is no connection."""
        await self.connections.ended()
