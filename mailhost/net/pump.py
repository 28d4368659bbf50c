"""Drives a server's machine from a Twisted transport: steps in order, one at a time.

While a step waits, no other is taken; should more arrive meanwhile, reading stops and the rest
stays in the kernel. The pump is its transport's producer, so a client that does not read its
replies stops being served until it does. Silence beyond `machine.timeout` ends the connection. If
most places are taken, silent clients have HURRY seconds, unless the machine says that its client
may be silent.
After TURN steps in a row, or LONG_TURN seconds, the other connections are served first, however
many commands one of them has pipelined.

Output that no command asked for (a new message during IMAP's IDLE) is written in a step too: the
machine calls `wake`, and the pump takes a step once none is under way and the client reads.

Memory is bounded by what one read brings (64 KiB) and as much of replies, above what the machine
keeps and one reply of its makes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
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

from mailhost.interfaces.events import IEventSink, Refused
from mailhost.interfaces.wire import IMachine, IServerFactory, IWire
from mailhost.message.client import Client
from mailhost.message.ids import new_id
from mailhost.message.status import Status
from mailhost.net.direct_writer import DirectWriter, gathered
from mailhost.net.limits import ConnectionLimits
from mailhost.net.open_connections import OpenConnections
from mailhost.net.peer import peer_of
from mailhost.net.tls.server import tls_state

OUTPUT = 65536  # octets of replies that are collected before they are given to the transport
TURN = 20  # steps in a row of one connection; a thousand connections may pipeline
LONG_TURN = 0.004  # seconds in a row of one connection, for steps that take long
LOOK = 30.0  # seconds between two looks at how long a connection has been silent
HURRY = 20.0  # seconds of silence if few places are left
FORMER = 3600.0  # seconds that a session may go on with the settings of before a reload
LINGER = 30.0  # seconds that a peer has to take the last words

MachineMaker = Callable[[IWire, Client], IMachine]


@dataclass(frozen=True, slots=True)
class Listener:
    """What all connections of one listening socket share.

    `busy` turns a refusal by the connection limits into this wire's words.
    """

    protocol: str
    implicit_tls: bool
    busy: Callable[[Status], bytes]


@implementer(IWire, IPushProducer, IHandshakeListener)
class Pump(Protocol):
    """One connection."""

    def __init__(self, factory: PumpFactory, client: Client) -> None:
        self._clock = factory.clock
        self._home = factory
        self._client = client
        self._machine: IMachine | None = None
        self._out: list[bytes] = []
        self._busy = False
        self._throttled = False
        self._paused = False
        self._unsent = 0
        self._shaking = False
        self._closing = False
        self._gone = False
        self._stop_after = False
        self._room: Deferred[None] | None = None
        self._heard = 0.0
        self._woken = False
        self._unasked = False  # the client has sent nothing since the machine was woken
        self._watch: IDelayedCall | None = None

    # --- what the transport tells ---------------------------------------------------------------

    def connectionMade(self) -> None:
        self._home.connections.add(self)
        self._tcp: ITCPTransport = ITCPTransport(self.transport, self.transport)
        self._writer = DirectWriter(self._tcp)
        IConsumer(self._tcp, self._tcp).registerProducer(self, True)
        self._heard = self._clock.seconds()
        if not self._home.listener.implicit_tls:
            self._begin()
        self._watch = self._clock.callLater(min(self._patience(), LOOK), self._check_silence)

    def handshakeCompleted(self) -> None:
        self._client = replace(self._client, tls=tls_state(self.transport))
        if self._machine is None:
            self._begin()
        elif self._shaking and self._client.tls is not None:
            self._shaking = False
            self._machine.secured(self._client.tls)
            self._run()

    def dataReceived(self, data: bytes) -> None:
        if self._machine is None or self._shaking or self._closing:
            return
        self._unasked = False
        self._machine.receive(data)
        if self._busy or self._throttled:
            self._pause_reading()
        else:
            self._run()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._gone = True
        if self._watch is not None and self._watch.active():
            self._watch.cancel()
        self._home.forget(self, self._client)
        if reason.check(SSL.Error):
            status = Status(454, "4.7.0", "TLS handshake failed", reason.getErrorMessage())
            self._home.events.emit(Refused(self._client, "TLS", status))
        if self._machine is not None:
            clean = reason.check(ConnectionDone)
            self._machine.lost("closed by the client" if clean else reason.getErrorMessage())
        if self._room is not None:
            room, self._room = self._room, None
            room.errback(ConnectionLost("the client went away"))

    def pauseProducing(self) -> None:
        self._throttled = True
        self._pause_reading()

    def resumeProducing(self) -> None:
        self._throttled = False
        self._heard = self._clock.seconds()
        if self._room is not None:
            room, self._room = self._room, None
            room.callback(None)
        elif not self._busy:
            self._run()

    def stopProducing(self) -> None:
        self._closing = True

    # --- what the machine asks for --------------------------------------------------------------

    def write(self, data: bytes) -> None:
        self._out.append(data)
        self._unsent += len(data)

    def wake(self) -> None:
        if not self._woken:
            self._woken = True
            self._clock.callLater(0, self._wake)

    def stream(self, chunks: Iterator[bytes]) -> Awaitable[None]:
        return self._stream(chunks)

    async def _stream(self, chunks: Iterator[bytes]) -> None:
        for chunk in gathered(chunks):
            if self._gone:
                raise ConnectionLost("the client went away")
            self.write(chunk)
            self._flush()
            if self._throttled:
                self._room = Deferred()
                await self._room

    def start_tls(self) -> None:
        self._flush()
        self._writer.stop()
        self._shaking = True  # until the handshake is done, nothing is a command
        self._heard = self._clock.seconds()
        ITLSTransport(self.transport).startTLS(self._home.tls)

    def hang_up(self) -> None:
        self._flush()
        if self._closing or self._gone:
            return
        self._closing = True
        self._throttled = False
        self._heard = self._clock.seconds()
        # neither TCP nor TLS closes while a producer is there to bring more
        IConsumer(self._tcp, self._tcp).unregisterProducer()
        self._tcp.loseConnection()

    # --- running ---------------------------------------------------------------------------------

    def stopping(self) -> None:
        """The host stops: ask the machine for its farewell."""
        if self._busy:
            self._stop_after = True
        elif self._machine is None:
            self.abort()
        else:
            self._machine.stopping()
            self._flush()

    def abort(self) -> None:
        """Close at once."""
        if not self._gone:
            self._tcp.abortConnection()

    def _begin(self) -> None:
        try:
            self._machine = self._home.machine_of(self, self._client)
            answer = self._machine.greet()
        except Exception:  # noqa: BLE001 - as in _run
            self._fail(Failure())
            return
        if answer is None or self._settled(answer):
            self._busy = False
            self._flush()

    def _run(self) -> None:
        machine = self._machine
        assert machine is not None
        self._busy = True
        try:
            steps, now = 0, self._clock.seconds()
            ends = now + LONG_TURN
            while not (self._closing or self._shaking or self._throttled):
                if steps == TURN or now > ends:
                    self._flush()
                    self._clock.callLater(0, self._answered, None)
                    return
                steps += 1
                answer = machine.step()
                if answer is False:
                    break
                if answer is not True and not self._settled(answer):
                    return
                now = self._clock.seconds()
                if not self._unasked:
                    self._heard = now
                if self._unsent > OUTPUT:
                    self._flush()
        except Exception:  # noqa: BLE001 - a bug in one session must not reach the others
            self._fail(Failure())
        self._busy = False
        self._flush()
        self._resume_reading()

    def _wake(self) -> None:
        """Take a step, unless one follows anyway when a wait ends."""
        self._woken = False
        waits = self._busy or self._throttled or self._shaking
        if self._machine is not None and not (waits or self._gone):
            self._unasked = True
            self._run()

    def _settled(self, answer: Awaitable[object]) -> bool:
        """True where the answer is there already; otherwise go on when it is."""
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
        if not self._unasked:
            self._heard = self._clock.seconds()
        if self._gone:
            return
        if self._stop_after:
            self.stopping()
        self._run()

    def _fail(self, failure: Failure) -> None:
        self._busy = False
        if self._gone and failure.check(ConnectionLost):
            return
        self._home.log.failure("A session failed", failure)
        if self._machine is None:
            self.abort()
        elif not self._gone:
            self._machine.failed()
            self.hang_up()

    def _flush(self) -> None:
        if self._out and not self._gone:
            self._writer.write(self._out[0] if len(self._out) == 1 else b"".join(self._out))
        self._out.clear()
        self._unsent = 0

    def _pause_reading(self) -> None:
        if not self._paused:
            self._paused = True
            self._reading().pauseProducing()

    def _resume_reading(self) -> None:
        if self._paused and not (self._throttled or self._gone):
            self._paused = False
            self._reading().resumeProducing()

    def _reading(self) -> IPushProducer:
        return IPushProducer(self._tcp, self._tcp)

    # --- silence ---------------------------------------------------------------------------------

    def _patience(self) -> float:
        if self._closing:
            return LINGER
        machine = None if self._shaking else self._machine
        patience = self._home.handshake_timeout if machine is None else machine.timeout
        hurried = self._home.crowded and not (machine is not None and machine.may_be_silent)
        return min(patience, HURRY) if hurried else patience

    def _check_silence(self) -> None:
        if self._gone:
            return
        now = self._clock.seconds()
        if self._busy and not (self._throttled or self._closing):
            self._heard = now  # it is we who are slow
        left = self._heard + self._patience() - now
        if left <= 0:
            if self._machine is None or self._shaking or self._throttled or self._closing:
                self.abort()
                return
            self._machine.timed_out()
            self.hang_up()
            left = LINGER
        self._watch = self._clock.callLater(min(left, LOOK), self._check_silence)


async def _awaited(answer: Awaitable[object]) -> object:
    return await answer


class _Refusal(Protocol):
    """Says why there is no room, and closes."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._text)
        self.transport.loseConnection()


@implementer(IServerFactory)
class PumpFactory(Factory):
    """Makes a Pump for each connection within the limits.

    `machine_of` makes the session of a connection; `serve` replaces it. Connections that were made
    before that keep what they began with for FORMER seconds, then they are asked to leave.
    """

    noisy = False
    handshake_timeout = 60.0

    def __init__(
        self,
        listener: Listener,
        machine_of: MachineMaker,
        clock: IReactorTime,
        limits: ConnectionLimits,
        tls: IOpenSSLServerConnectionCreator,
        events: IEventSink,
    ) -> None:
        self.listener = listener
        self.machine_of = machine_of
        self.clock = clock
        self.tls = tls
        self.events = events
        self.log = Logger("mailhost.net")
        self.connections: OpenConnections[Pump] = OpenConnections()
        self._limits = limits

    def buildProtocol(self, addr: IAddress | None) -> Pump | _Refusal:
        ip, port = peer_of(addr)
        client = Client(ip, port, self.listener.protocol, new_id())
        refusal = self._limits.admit(ip)
        if refusal is not None:
            self.events.emit(Refused(client, "connection", refusal))
            # TLS clients cannot read words in the clear
            return _Refusal(b"" if self.listener.implicit_tls else self.listener.busy(refusal))
        return Pump(self, client)

    def serve(self, machine_of: MachineMaker) -> None:
        """Make the sessions of new connections with `machine_of`."""
        self.machine_of = machine_of
        former = list(self.connections)
        if former:
            self.clock.callLater(FORMER, self._dismiss, former)

    def _dismiss(self, former: Sequence[Pump]) -> None:
        for pump in former:
            if pump in self.connections:
                pump.stopping()

    @property
    def crowded(self) -> bool:
        """True where few places are left: then nobody keeps one for long without need."""
        return self._limits.crowded

    def forget(self, pump: Pump, client: Client) -> None:
        """A connection is gone."""
        self._limits.release(client.ip)
        self.connections.forget(pump)

    async def drain(self, seconds: float) -> None:
        """Let what is under way end within `seconds`, then close every connection."""
        for pump in list(self.connections):
            pump.stopping()
        await self.connections.drain(self.clock, seconds, Pump.abort)

    async def ended(self) -> None:
        """Wait until there is no connection."""
        await self.connections.ended()
