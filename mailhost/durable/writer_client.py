"""A client of the writer, the process that makes the small changes of all others durable.

The commits of one turn of the reactor go in one frame, or in several when they are large. While the
writer cannot be reached, `connected` is False. Commits that were under way when it died are made
again by `other`, which examines which of their files have their names already. While the writer
gives no answer all commits wait, and `stall` reports that to the operator.
"""

from __future__ import annotations

import marshal
import socket
from collections import deque
from collections.abc import Awaitable, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ClientFactory, connectionDone
from twisted.protocols.basic import Int32StringReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from mailhost.durable.frames import LARGEST_FRAME, Result, frame, plain
from mailhost.durable.stall import Stall
from mailhost.interfaces.changes import Change, Results, begun
from mailhost.interfaces.events import Faulted, IEventSink
from mailhost.interfaces.reactor import IReactor
from mailhost.interfaces.store import ICommitter
from mailhost.net.direct_writer import DirectWriter
from mailhost.net.peer_credentials import is_ours, peer_uid

FIRST_RECONNECT_DELAY = 0.05  # seconds until the second attempt to connect
LONGEST_RECONNECT_DELAY = 1.0  # seconds between two attempts to connect
LARGEST_SHARED_FRAME = 1 << 24  # octets of files of several commits in one frame

_Jobs = list[tuple[Sequence[Change], Deferred[Results]]]


class _Link(Int32StringReceiver):
    """The connection to the writer."""

    MAX_LENGTH = LARGEST_FRAME

    def __init__(self, owner: WriterClient) -> None:
        self._owner = owner

    def connectionMade(self) -> None:
        """Use the connection, if the process at its other end is of our user."""
        self.writer = DirectWriter(self.transport)
        wire: socket.socket | None = getattr(self.transport, "socket", None)
        if self.transport is not None and wire is not None and not is_ours(wire):
            self._owner.stranger(peer_uid(wire))
            self.transport.loseConnection()
        else:
            self._owner.linked(self)

    def stringReceived(self, string: bytes) -> None:
        """The oldest frame is answered."""
        self._owner.answered(marshal.loads(string))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The writer died, or this side closed the connection."""
        self._owner.unlinked()


class _LinkFactory(ClientFactory):
    """Makes the connection, or reports that the writer cannot be reached."""

    noisy = False

    def __init__(self, owner: WriterClient) -> None:
        self._owner = owner

    def buildProtocol(self, addr: object) -> _Link:
        """The writer accepted the connection."""
        return _Link(self._owner)

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        """The writer does not listen, or not yet."""
        self._owner.unlinked()


@implementer(ICommitter)
class WriterClient:
    """`path` is the writer's socket. `other` makes the commits that the writer cannot."""

    def __init__(self, reactor: IReactor, path: str, other: ICommitter, events: IEventSink) -> None:
        self._other = other
        self._stall = Stall(reactor, events)
        self._reactor = reactor
        self._path = path
        self._events = events
        self._warned = False  # of another user's process on the socket
        self._link: _Link | None = None
        self._waiting: _Jobs = []
        self._sent: deque[_Jobs] = deque()
        self._delay = FIRST_RECONNECT_DELAY
        self._next_attempt: IDelayedCall | None = None
        self._working = False
        self._idle: Deferred[None] | None = None

    @property
    def connected(self) -> bool:
        """True where a commit would reach the writer."""
        return self._link is not None

    @property
    def trouble(self) -> str:
        """The fault of the writer now, empty for none."""
        if self._link is None:
            return "the writer cannot be reached"
        return "the writer, or the disk, stands still" if self._stall.reported else ""

    def start(self) -> None:
        """Connect to the writer, now and whenever the connection is lost."""
        self._working = True
        self._connect()

    async def stop(self) -> None:
        """Wait for the commits that are under way, and close the connection."""
        self._working = False
        if self._waiting or self._sent:
            self._idle = Deferred()
            await self._idle
        if self._next_attempt is not None:
            self._next_attempt.cancel()
            self._next_attempt = None
        self._stall.forget()
        if self._link is not None and self._link.transport is not None:
            self._link.transport.loseConnection()

    def commit(self, changes: Sequence[Change]) -> Awaitable[Results]:
        """See ICommitter. The contents of new files must lie in memory."""
        done: Deferred[Results] = Deferred()
        if not self._waiting:
            self._reactor.callLater(0, self._send)
        self._waiting.append((changes, done))
        return done

    def _send(self) -> None:
        jobs, self._waiting = self._waiting, []
        if self._link is None:
            self._do_again(jobs)
            return
        some: _Jobs = []
        size = 0
        for job in jobs:
            octets = sum(change.size for change in job[0])
            if some and size + octets > LARGEST_SHARED_FRAME:
                self._send_frame(self._link, some)
                some, size = [], 0
            some.append(job)
            size += octets
        self._send_frame(self._link, some)

    def _send_frame(self, link: _Link, jobs: _Jobs) -> None:
        self._sent.append(jobs)
        self._stall.asked()
        link.writer.write(frame([plain(change) for changes, _ in jobs for change in changes]))

    def answered(self, results: list[Result]) -> None:
        """The results of the oldest frame came."""
        errors = [None if each is None else OSError(*each) for each in results]
        jobs = self._sent.popleft()
        self._stall.answered(more=bool(self._sent))
        at = 0
        for changes, done in jobs:
            mine = errors[at : at + len(changes)]
            at += len(changes)
            done.callback(mine)
        self._finish_stop()

    def linked(self, link: _Link) -> None:
        """The connection is made."""
        self._link = link
        self._warned = False
        self._delay = FIRST_RECONNECT_DELAY

    def stranger(self, uid: int | None) -> None:
        """A process of another user listens on the socket. It gets no mail. Logged once."""
        if not self._warned:
            self._warned = True
            text = f"user {uid} listens on {self._path}, and gets no mail; stop that process"
            self._events.emit(Faulted("the writer", text))

    def unlinked(self) -> None:
        """The connection is lost, or could not be made."""
        self._link = None
        self._stall.forget()
        while self._sent:
            self._do_again(self._sent.popleft())
        if self._working:
            self._next_attempt = self._reactor.callLater(self._delay, self._connect)
            self._delay = min(2 * self._delay, LONGEST_RECONNECT_DELAY)

    def _connect(self) -> None:
        self._next_attempt = None
        self._reactor.connectUNIX(self._path, _LinkFactory(self))

    def _do_again(self, jobs: _Jobs) -> None:
        for changes, done in jobs:
            Deferred.fromCoroutine(self._by_other(changes)).chainDeferred(done)
        self._finish_stop()

    async def _by_other(self, changes: Sequence[Change]) -> Results:
        return await self._other.commit([begun(change) for change in changes])

    def _finish_stop(self) -> None:
        if self._idle is not None and not (self._waiting or self._sent):
            idle, self._idle = self._idle, None
            idle.callback(None)
