"""The head's side: workers are started, replaced when they die, retired when the settings change.

All accept from the same listening sockets, so no connection is refused while one is replaced. A
worker is handed them when it asks for them: by then it would notice the end of the head at once,
and keep no port from the next. What it needs to know is pickled into a file without a name that it
inherits: it never reads the settings, whose file may have changed since. One that dies again and
again is replaced ever more slowly.
"""

from __future__ import annotations

import os
import pickle
import socket
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from mailhost.interfaces.events import Event, Faulted, IEventSink, Notice
from mailhost.processes import start
from mailhost.processes.child import Child, RestartDelays
from mailhost.workers.channel import Answers, Channel, attach
from mailhost.workers.connection_counts import ROWS, SharedCounts

CHANNEL, STARTUP, COUNTS, LOG = 3, 4, 5, 6  # descriptors in a worker
LONGEST_GOODBYE = 3600.0  # seconds that connections may keep a worker of former settings
LAST_WORDS = 30.0  # seconds that they have to end a transaction after that
LAST_CHANCE = 5.0  # seconds above its time that a worker has to stop before it is killed


@dataclass(frozen=True, slots=True)
class StartupData:
    """What a worker is told at its start: its row in the counts, and what `about` all share.

    `logs` says that LOG is where it writes its lines; else it tells them.
    """

    row: int
    key: bytes
    about: Any
    logs: bool = False


@dataclass(frozen=True, slots=True)
class Assignment:
    """What all workers of one generation do: `about` is for them, and each of `sockets` is a
    descriptor to share and who listens there."""

    about: Any
    sockets: Sequence[tuple[int, Any]]


class WorkerPool:
    """`module` is what a worker runs, `answers` the calls that it may make.

    `log` is the descriptor that workers write their lines to, None where they are to tell them.
    """

    def __init__(
        self,
        reactor: Any,
        module: str,
        answers: Answers,
        counts: SharedCounts,
        key: bytes,
        events: IEventSink,
        died: Callable[[], None],
        log: int | None = None,
    ) -> None:
        self._log = log
        self._reactor = reactor
        self._module = module
        self._answers = answers
        self._counts = counts
        self._key = key
        self._events = events
        self._died = died
        self._rows = set(range(1, ROWS))
        self._members: set[WorkerProcess] = set()
        self._pending: set[IDelayedCall] = set()
        self._goodbyes: dict[WorkerProcess, IDelayedCall] = {}
        self._pauses = RestartDelays(1.0)
        self._work: Assignment | None = None
        self._stopping = False
        self._empty: Deferred[None] | None = None

    @property
    def pids(self) -> list[int]:
        """The processes that there are, those that only finish what they began included."""
        return sorted(member.pid for member in self._members)

    def employ(self, work: Assignment, count: int) -> None:
        """Start `count` workers; those there are finish what they began and take nothing new.

        They have LONGEST_GOODBYE for it: a client that never leaves would keep a process for good.
        """
        if self._stopping:
            return
        self._work = work
        self._call_off()
        for member in self._members:
            if not member.retired:
                member.retire(None)
                later = self._reactor.callLater(LONGEST_GOODBYE, member.retire, LAST_WORDS)
                self._goodbyes[member] = later
        for _ in range(count):
            self._start()

    def update(self, about: Any, what: str, *given: object) -> None:
        """Call `what` at every worker; workers that replace them get `about` at the start."""
        if self._work is None:
            return
        former, self._work = self._work, replace(self._work, about=about)
        for member in self._members:
            member.channel.notify(what, *given)
            if member.work is former:
                member.work = self._work

    async def stop(self, seconds: float) -> None:
        """Let every worker end what is under way within `seconds`."""
        self._stopping = True
        self._call_off()
        if not self._members:
            return
        self._empty = Deferred()
        for member in self._members:
            member.retire(seconds)
        deadline = self._reactor.callLater(seconds + LAST_CHANCE, self._kill)
        await self._empty
        if deadline.active():
            deadline.cancel()

    def _call_off(self) -> None:
        for call in self._pending:
            if call.active():
                call.cancel()
        self._pending.clear()

    def _kill(self) -> None:
        for member in self._members:
            member.kill()

    def _start(self) -> None:
        try:
            if self._work is None or not self._rows:
                raise OSError("too many old ones are still busy")
            member = WorkerProcess(min(self._rows), self._work, self)
            self._counts.open(member.row)
            self._spawn(member)
        except OSError as error:
            text = f"{error}; this host's user must be able to run {sys.executable}"
            self._events.emit(Faulted("another process cannot be started", text))
            self._start_later(lived=0.0)
            return
        self._rows.remove(member.row)
        self._members.add(member)

    def _spawn(self, member: WorkerProcess) -> None:
        """Start the process. Raises OSError."""
        ours, theirs = socket.socketpair()
        with tempfile.TemporaryFile() as startup, ours, theirs:
            logs = self._log is not None
            pickle.dump(StartupData(member.row, self._key, member.work.about, logs), startup)
            startup.seek(0)
            descriptors = {
                CHANNEL: theirs.fileno(),
                STARTUP: startup.fileno(),
                COUNTS: self._counts.fd,
            }
            if self._log is not None:
                descriptors[LOG] = self._log
            self._reactor.spawnProcess(
                member,
                sys.executable,
                [sys.executable, "-m", start.MODULE, self._module],
                env=None,
                childFDs={0: 0, 1: "r", 2: "r", **descriptors},
            )
            answers = {**self._answers, "ready": member.ready, "serves": member.serves}
            member.channel = Channel(answers, lambda: None)
            attach(self._reactor, member.channel, os.dup(ours.fileno()))
        member.born = self._reactor.seconds()

    def ended(self, member: WorkerProcess, how: str, clean: bool) -> None:
        """A process is gone. One that was not told to go is replaced."""
        self._members.discard(member)
        self._counts.clear(member.row)
        self._rows.add(member.row)
        goodbye = self._goodbyes.pop(member, None)
        if goodbye is not None and goodbye.active():
            goodbye.cancel()
        if not (member.retired and clean):
            self._events.emit(Faulted("workers", f"process {member.pid} died: {how}"))
            self._died()
        if not (member.retired or self._stopping) and member.work is self._work:
            self._start_later(self._reactor.seconds() - member.born)
        if not self._members and self._empty is not None:
            self._empty.callback(None)

    def _start_later(self, lived: float) -> None:
        """Try again at once where the last one `lived` long enough, else ever more slowly."""
        self._pending = {call for call in self._pending if call.active()}
        self._pending.add(self._reactor.callLater(self._pauses.after(lived), self._start))

    def emit(self, event: Event) -> None:
        """Log what becomes of a worker."""
        self._events.emit(event)


class WorkerProcess(Child):
    """One worker, as its parent sees it."""

    channel: Channel
    born = 0.0

    def __init__(self, row: int, work: Assignment, workers: WorkerPool) -> None:
        super().__init__(self._trouble)
        self.row = row
        self.work = work
        self.retired = False
        self.pid = 0
        self._workers = workers

    def connectionMade(self) -> None:
        """It runs."""
        assert self.transport is not None
        self.pid = self.transport.pid or 0

    def ready(self) -> None:
        """It asks for the sockets. One that is to retire already gets none."""
        if not self.retired:
            for fd, listen in self.work.sockets:
                self.channel.hand(fd, "serve", listen)
            self.channel.notify("served")

    def serves(self) -> None:
        """It has taken all its sockets."""
        self._workers.emit(Notice(f"process {self.pid} serves too"))

    def _trouble(self, text: str) -> None:
        self._workers.emit(Faulted(f"worker {self.pid}", text))

    def processEnded(self, reason: Failure) -> None:
        """It is gone."""
        clean = reason.check(ProcessDone) is not None
        how = "it ended by itself" if clean else reason.getErrorMessage()
        self._workers.ended(self, how, clean)

    def retire(self, seconds: float | None) -> None:
        """Have it take nothing new and end: what is under way has `seconds`, None for no limit."""
        self.retired = True
        self.channel.notify("retire", seconds)

    def kill(self) -> None:
        """End it now."""
        assert self.transport is not None
        self.transport.signalProcess("KILL")
