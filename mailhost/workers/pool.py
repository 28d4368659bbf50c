"""The head's side of the workers: they are started, given new settings, and replaced if they die.

All workers accept from the same listening sockets, so no connection is refused while one is
replaced. A worker is handed the sockets when it asks for them. By then it notices the end of the
head at once, so it cannot keep a port from the next head. A worker never reads the settings file,
which may have changed since the start: its settings are pickled into a file without a name that it
inherits, and those of a reload are sent to it. A worker that cannot take new settings is retired,
and another is started. A retired worker that does not acknowledge its retirement hangs, and is
killed, as is a worker that does not ask for its sockets in time. Workers that die again and again
are replaced ever more slowly.
"""

from __future__ import annotations

import os
import pickle
import socket
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from mailhost.config.load import Loaded
from mailhost.config.model import Listen
from mailhost.config.protocol import ListenProtocol
from mailhost.interfaces.events import Event, Faulted, IEventSink, Notice
from mailhost.interfaces.reactor import IReactor
from mailhost.message.address import Address
from mailhost.net.tls.server import CertificateSource
from mailhost.observe.metrics.snapshot import WorkerMeasures
from mailhost.processes import start
from mailhost.processes.child import Child, RestartDelays
from mailhost.workers import calls
from mailhost.workers.calls import Answers, Call, R
from mailhost.workers.channel import Channel, attach
from mailhost.workers.connection_counts import ROWS, SharedCounts
from mailhost.workers.folder_changes import FolderChange

CHANNEL, STARTUP, COUNTS, LOG = 3, 4, 5, 6  # descriptors in a worker
RETIREMENT_LIMIT = 3600.0  # seconds that open connections may keep a retired worker
RETIREMENT_DRAIN = 30.0  # seconds that a transaction under way has after that
ACKNOWLEDGEMENT = 60.0  # seconds until a retired worker that has not acknowledged it is killed
STARTUP_LIMIT = 120.0  # seconds that a worker has to ask for its sockets
RELOAD_TIMEOUT = 30.0  # seconds that a worker has to take new settings
ANSWER_TIMEOUT = 1.0  # seconds that a worker has to count its connections
KILL_AFTER = 5.0  # seconds beyond its time until a worker that does not stop is killed

SocketKey = tuple[ListenProtocol, str]


@dataclass(frozen=True, slots=True)
class StartupData:
    """The data that a worker needs at its start: its row in the counts, the key of their hashes,
    the settings and certificates.

    `logs` says that LOG is where it writes its lines; otherwise it sends them to the head.
    """

    row: int
    key: bytes
    loaded: Loaded
    certificates: Sequence[CertificateSource]
    logs: bool = False


@dataclass(frozen=True, slots=True)
class Assignment:
    """The work of all workers. Each of `sockets` is a descriptor and the listener it belongs to."""

    loaded: Loaded
    certificates: Sequence[CertificateSource]
    sockets: Sequence[tuple[int, Listen]]


class WorkerPool:
    """`module` is what a worker runs, `answers` the functions for the calls that it makes.

    `log` is the descriptor that workers write their lines to, None if they send them to the head.
    """

    def __init__(
        self,
        reactor: IReactor,
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
        self._starts: set[IDelayedCall] = set()
        self._deadlines: dict[WorkerProcess, list[IDelayedCall]] = {}  # of its start or retirement
        self._delays = RestartDelays(1.0)
        self._assignment: Assignment | None = None
        self._stopped_addresses: frozenset[str] = frozenset()
        self._stopping = False
        self._empty: Deferred[None] | None = None

    def assign(self, assignment: Assignment, count: int) -> None:
        """Have `count` workers serve by this assignment. Running workers are sent it, and more are
        started where needed. Surplus workers retire; they have RETIREMENT_LIMIT seconds, as a
        client that never disconnects would keep a process for good."""
        if self._stopping:
            return
        self._assignment = assignment
        self._cancel_starts()
        active = sorted((each for each in self._members if not each.retired), key=_row)
        for member in active[count:]:
            self._retire(member)
        for member in active[:count]:
            member.send_settings(assignment)
        for _ in range(count - len(active)):
            self._start()

    def use_certificates(self, certificates: Sequence[CertificateSource]) -> None:
        """Have all workers use renewed certificates."""
        former = self._assignment
        if former is None:
            return
        self._assignment = replace(former, certificates=certificates)
        for member in self._members:
            if member.assignment is former:  # otherwise it gets them when it asks for its sockets
                member.assignment = self._assignment
                member.channel.notify(calls.CERTIFICATES, certificates)

    def keys_changed(self, domain: str) -> None:
        """Have all workers read the DKIM keys of a domain again."""
        for member in self._members:
            member.channel.notify(calls.KEYS_CHANGED, domain)

    def end_sessions(self, accounts: Sequence[Address]) -> None:
        """Have all workers end the sessions of these accounts."""
        for member in self._members:
            member.channel.notify(calls.END_SESSIONS, accounts)

    def folders_changed(self, changes: Sequence[FolderChange]) -> None:
        """Notify all workers of changed folders."""
        for member in self._members:
            member.channel.notify(calls.FOLDERS_CHANGED, changes)

    def stop_addresses(self, addresses: frozenset[str]) -> None:
        """Have all workers relay nothing for these addresses, also those that start later."""
        self._stopped_addresses = addresses
        for member in self._members:
            member.channel.notify(calls.STOPPED, addresses)

    async def reloaded(self) -> None:
        """Wait until each worker has taken, or refused, the settings that it was sent."""
        await gatherResults([member.reloading for member in self._members if member.reloading])

    def reload_failed(self, member: WorkerProcess, why: str) -> None:
        """Replace a worker that could not take new settings."""
        if member not in self._members or member.retired or self._stopping:
            return
        self.emit(Faulted(f"worker {member.pid}", f"cannot take new settings, is replaced: {why}"))
        self._retire(member)
        self._start_later(lived=0.0)

    def _retire(self, member: WorkerProcess) -> None:
        """Have a worker end when its connections do. A worker that hangs is killed."""
        member.retire(None)
        later, end = self._reactor.callLater, RETIREMENT_LIMIT + RETIREMENT_DRAIN
        self._cancel_deadlines(member)
        self._deadlines[member] = [
            later(ACKNOWLEDGEMENT, self._kill_hanging, member),
            later(RETIREMENT_LIMIT, member.retire, RETIREMENT_DRAIN),
            later(end + KILL_AFTER, self._kill_one, member, "does not end"),
        ]

    def started(self, member: WorkerProcess) -> None:
        """A worker has asked for its sockets."""
        if self._stopped_addresses:
            member.channel.notify(calls.STOPPED, self._stopped_addresses)
        if not member.retired:
            self._cancel_deadlines(member)

    def _kill_hanging(self, member: WorkerProcess) -> None:
        if not member.acknowledged:
            self._kill_one(member, "does not respond")

    def _kill_one(self, member: WorkerProcess, why: str) -> None:
        self.emit(Faulted(f"worker {member.pid}", f"{why}, is killed"))
        member.kill()

    async def stop(self, seconds: float) -> None:
        """Stop every worker: transactions under way have `seconds`."""
        self._stopping = True
        self._cancel_starts()
        if not self._members:
            return
        self._empty = Deferred()
        for member in self._members:
            member.retire(seconds)
        deadline = self._reactor.callLater(seconds + KILL_AFTER, self._kill)
        await self._empty
        if deadline.active():
            deadline.cancel()

    def _cancel_starts(self) -> None:
        for call in self._starts:
            if call.active():
                call.cancel()
        self._starts.clear()

    def _cancel_deadlines(self, member: WorkerProcess) -> None:
        for call in self._deadlines.pop(member, ()):
            if call.active():
                call.cancel()

    def _kill(self) -> None:
        for member in self._members:
            member.kill()

    def _start(self) -> None:
        assert self._assignment is not None
        if not self._rows:
            many = f"{len(self._members)} workers run already, most of them retired"
            self._not_started(f"{many} with open connections; they end within an hour")
            return
        member = WorkerProcess(min(self._rows), self._assignment, self)
        try:
            self._counts.open(member.row)
            self._spawn(member)
        except OSError as error:
            self._not_started(f"{error}; this host's user must be able to run {sys.executable}")
            return
        self._rows.remove(member.row)
        self._members.add(member)
        why = f"does not ask for its sockets within {STARTUP_LIMIT:g} s"
        deadline = self._reactor.callLater(STARTUP_LIMIT, self._kill_one, member, why)
        self._deadlines[member] = [deadline]

    def _not_started(self, why: str) -> None:
        self._events.emit(Faulted("another process cannot be started", why))
        self._start_later(lived=0.0)

    def _spawn(self, member: WorkerProcess) -> None:
        """Start the process. Raises OSError."""
        ours, theirs = socket.socketpair()
        work, logs = member.assignment, self._log is not None
        data = StartupData(member.row, self._key, work.loaded, work.certificates, logs)
        with tempfile.TemporaryFile() as startup, ours, theirs:
            pickle.dump(data, startup)
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
            answers = [
                *self._answers,
                calls.READY.answered_by(member.ready),
                calls.SERVING.answered_by(member.serves),
                calls.RETIRING.answered_by(member.acknowledge),
            ]
            member.channel = Channel(answers, lambda: None)
            attach(self._reactor, member.channel, os.dup(ours.fileno()))
        member.born = self._reactor.seconds()

    def ended(self, member: WorkerProcess, how: str, clean: bool) -> None:
        """A process ended. One that was not retired is replaced."""
        self._members.discard(member)
        self._counts.clear(member.row)
        self._rows.add(member.row)
        self._cancel_deadlines(member)
        if not (member.retired and clean):
            self._events.emit(Faulted("workers", f"process {member.pid} died: {how}"))
            self._died()
        if not (member.retired or self._stopping):
            self._start_later(self._reactor.seconds() - member.born)
        if not self._members and self._empty is not None:
            self._empty.callback(None)

    def _start_later(self, lived: float) -> None:
        """Start another worker: at once if the last one `lived` for long (in seconds), else later
        each time."""
        self._starts = {call for call in self._starts if call.active()}
        self._starts.add(self._reactor.callLater(self._delays.after(lived), self._start))

    def rows(self) -> list[tuple[int, int]]:
        """Return process number and row of each worker, those that retire included."""
        return [(member.pid, member.row) for member in sorted(self._members, key=_row)]

    async def sessions(self) -> Mapping[int, Mapping[SocketKey, int] | None]:
        """Return the open connections of each worker that serves, by the sockets of its listeners,
        and None for a worker that does not answer; all by the numbers of their processes."""
        return await self._ask_each(calls.SESSIONS)

    async def measures(self) -> Mapping[int, WorkerMeasures | None]:
        """Return what each worker that serves measures itself, and None for a worker that does not
        answer, by the numbers of their processes."""
        return await self._ask_each(calls.MEASURES)

    async def _ask_each(self, call: Call[[], R]) -> Mapping[int, R | None]:
        serving = [member for member in self._members if member.has_sockets]
        asked = [(member.pid, self._ask(member, call)) for member in serving]
        return {pid: await answer for pid, answer in asked}

    def _ask(self, member: WorkerProcess, call: Call[[], R]) -> Deferred[R | None]:
        """Ask a worker; None if anything keeps it from answering in time."""
        asking: Deferred[R | None] = Deferred()
        answer = Deferred.fromCoroutine(member.channel.ask(call))
        answer.addTimeout(ANSWER_TIMEOUT, self._reactor)
        answer.addCallbacks(asking.callback, lambda failure: asking.callback(None))
        return asking

    def limit(self, reloading: Deferred[None]) -> None:
        """Have a worker fail that does not answer in time."""
        reloading.addTimeout(RELOAD_TIMEOUT, self._reactor, _no_answer)

    @property
    def assignment(self) -> Assignment | None:
        """The newest assignment; None before the first."""
        return self._assignment

    def emit(self, event: Event) -> None:
        """Emit an event about a worker."""
        self._events.emit(event)


class WorkerProcess(Child):
    """One worker process, seen from the head."""

    channel: Channel
    born = 0.0

    def __init__(self, row: int, assignment: Assignment, workers: WorkerPool) -> None:
        super().__init__(self._log_output)
        self.row = row
        self.assignment = assignment  # the newest that was sent to it
        self.reloading: Deferred[None] | None = None
        self._sockets: set[SocketKey] | None = None  # handed over; None before it is ready
        self.retired = False
        self.acknowledged = False  # its retirement
        self.pid = 0
        self._workers = workers

    def connectionMade(self) -> None:
        """The process was started."""
        assert self.transport is not None
        self.pid = self.transport.pid or 0

    def ready(self) -> None:
        """The worker asks for its sockets. One that was retired meanwhile gets none."""
        self._workers.started(self)
        current = self._workers.assignment
        if self.retired or current is None:
            return
        self._sockets = set()
        if self.assignment is current:
            try:
                self._hand_sockets()
            except OSError as error:
                self._workers.reload_failed(self, str(error))
                return
        else:  # a reload came while it started
            self.send_settings(current)
        self.channel.notify(calls.SERVE_ALL_SENT)

    def send_settings(self, assignment: Assignment) -> None:
        """Send another assignment; one that is not ready yet gets it when it is."""
        if self._sockets is None:
            return
        self.assignment = assignment
        try:
            with tempfile.TemporaryFile() as file:  # the channel keeps a descriptor of its own
                pickle.dump((assignment.loaded, assignment.certificates), file)  # may be large
                file.flush()
                self.channel.hand(file.fileno(), calls.SETTINGS)
            self.reloading = reloading = Deferred.fromCoroutine(self.channel.ask(calls.RELOAD))
            self._workers.limit(reloading)
            reloading.addErrback(self._reload_failed)
            self._hand_sockets()
        except OSError as error:
            self._workers.reload_failed(self, str(error))

    def _reload_failed(self, failure: Failure) -> None:
        self._workers.reload_failed(self, failure.getErrorMessage())

    def _hand_sockets(self) -> None:
        """Hand over the sockets that the worker does not have."""
        wanted = {listen.socket for _, listen in self.assignment.sockets}
        assert self._sockets is not None
        handed = self._sockets & wanted  # the worker closes the others
        for fd, listen in self.assignment.sockets:
            if listen.socket not in handed:
                self.channel.hand(fd, calls.SERVE, listen)
        self._sockets = wanted

    @property
    def has_sockets(self) -> bool:
        """True once the worker was handed its sockets."""
        return self._sockets is not None

    def serves(self) -> None:
        """The worker has taken all its sockets."""
        self._workers.emit(Notice(f"process {self.pid} serves too"))

    def _log_output(self, text: str) -> None:
        self._workers.emit(Faulted(f"worker {self.pid}", text))

    def processEnded(self, reason: Failure) -> None:
        """The process ended."""
        clean = reason.check(ProcessDone) is not None
        how = "it ended by itself" if clean else reason.getErrorMessage()
        self._workers.ended(self, how, clean)

    def retire(self, seconds: float | None) -> None:
        """Have the worker take nothing new, and end when its connections do. They have `seconds`;
        None for no limit."""
        self.retired = True
        self.channel.notify(calls.RETIRE, seconds)

    def acknowledge(self) -> None:
        """The worker has received the call to retire, so it does not hang."""
        self.acknowledged = True

    def kill(self) -> None:
        """Kill the process, unless it has ended already."""
        assert self.transport is not None
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")


def _no_answer(result: object, seconds: float) -> None:
    raise TimeoutError(f"no answer within {seconds:g} s")


def _row(member: WorkerProcess) -> int:
    return member.row
