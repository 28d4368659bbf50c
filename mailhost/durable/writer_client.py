"""The writer of all processes, as one of them sees it (`durable/writer` is the process itself).

What one turn of the reactor asks for goes in one frame, unless it is very much. While there is no
writer, `there` says so, and others write. What was under way when it died is done again by `other`,
which looks at how far it came. While it stands still all waits, and `stall` tells.
"""

from __future__ import annotations

import marshal
import socket
from collections import deque
from collections.abc import Awaitable, Sequence
from typing import Any

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
from mailhost.interfaces.store import ICommitter
from mailhost.net.direct_writer import DirectWriter
from mailhost.net.peer_credentials import is_ours, peer_uid

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0  # seconds between two looks for a writer

MOST_TOGETHER = 1 << 24  # octets of files in one frame

_Jobs = list[tuple[Sequence[Change], Deferred[Results]]]


class _Link(Int32StringReceiver):
    """One connection to the writer."""

    MAX_LENGTH = LARGEST_FRAME

    def __init__(self, owner: WriterClient) -> None:
        self._owner = owner

    def connectionMade(self) -> None:
        """The writer is there, if it is ours."""
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
        """The writer is gone, or we left."""
        self._owner.unlinked()


class _Finder(ClientFactory):
    """Makes a link, or says that there is none to be had."""

    noisy = False

    def __init__(self, owner: WriterClient) -> None:
        self._owner = owner

    def buildProtocol(self, addr: object) -> _Link:
        """The writer takes us."""
        return _Link(self._owner)

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        """It does not, yet."""
        self._owner.unlinked()


@implementer(ICommitter)
class WriterClient:
    """`path` is the writer's socket. `other` writes what it leaves undone."""

    def __init__(self, reactor: Any, path: str, other: ICommitter, events: IEventSink) -> None:
        self._other = other
        self._standstill = Stall(reactor, events)
        self._reactor = reactor
        self._path = path
        self._events = events
        self._warned = False  # of somebody else in the writer's place
        self._link: _Link | None = None
        self._waiting: _Jobs = []
        self._sent: deque[_Jobs] = deque()
        self._pause = FIRST_PAUSE
        self._next_look: IDelayedCall | None = None
        self._working = False
        self._idle: Deferred[None] | None = None

    @property
    def there(self) -> bool:
        """True where a commit would reach a writer."""
        return self._link is not None

    def start(self) -> None:
        """Look for the writer from now on."""
        self._working = True
        self._look()

    async def stop(self) -> None:
        """Finish what is under way, and leave."""
        self._working = False
        if self._waiting or self._sent:
            self._idle = Deferred()
            await self._idle
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None
        self._standstill.forget()
        if self._link is not None and self._link.transport is not None:
            self._link.transport.loseConnection()

    def commit(self, changes: Sequence[Change]) -> Awaitable[Results]:
        """See ICommitter. What is to be written lies in memory."""
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
            if some and size + octets > MOST_TOGETHER:
                self._send_frame(self._link, some)
                some, size = [], 0
            some.append(job)
            size += octets
        self._send_frame(self._link, some)

    def _send_frame(self, link: _Link, jobs: _Jobs) -> None:
        self._sent.append(jobs)
        self._standstill.asked()
        link.writer.write(frame([plain(change) for changes, _ in jobs for change in changes]))

    def answered(self, results: list[Result]) -> None:
        """The oldest frame's results are there."""
        errors = [None if each is None else OSError(*each) for each in results]
        jobs = self._sent.popleft()
        self._standstill.answered(more=bool(self._sent))
        at = 0
        for changes, done in jobs:
            mine = errors[at : at + len(changes)]
            at += len(changes)
            done.callback(mine)
        self._rest()

    def linked(self, link: _Link) -> None:
        """There is a writer."""
        self._link = link
        self._warned = False
        self._pause = FIRST_PAUSE

    def stranger(self, uid: int | None) -> None:
        """Another user's process listens in the writer's place. It gets no mail; logged once."""
        if not self._warned:
            self._warned = True
            text = f"user {uid} listens on {self._path}, and gets no mail; stop that process"
            self._events.emit(Faulted("the writer", text))

    def unlinked(self) -> None:
        """There is none now."""
        self._link = None
        self._standstill.forget()
        while self._sent:
            self._do_again(self._sent.popleft())
        if self._working:
            self._next_look = self._reactor.callLater(self._pause, self._look)
            self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _look(self) -> None:
        self._next_look = None
        self._reactor.connectUNIX(self._path, _Finder(self))

    def _do_again(self, jobs: _Jobs) -> None:
        for changes, done in jobs:
            Deferred.fromCoroutine(self._by_other(changes)).chainDeferred(done)
        self._rest()

    async def _by_other(self, changes: Sequence[Change]) -> Results:
        return await self._other.commit([begun(change) for change in changes])

    def _rest(self) -> None:
        if self._idle is not None and not (self._waiting or self._sent):
            idle, self._idle = self._idle, None
            idle.callback(None)
