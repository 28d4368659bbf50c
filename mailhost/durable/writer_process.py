"""The head starts the writer's process with this, and another one when it dies."""

from __future__ import annotations

import sys

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from mailhost.durable.batch_times import new_batch_times
from mailhost.interfaces.events import Faulted, IEventSink
from mailhost.interfaces.reactor import IReactor
from mailhost.processes import start
from mailhost.processes.child import Child, RestartDelays

MODULE = "mailhost.durable.writer"
TIMES = 3  # descriptor in the writer
STOP_TIMEOUT = 10.0  # seconds until a writer that does not end is killed


class WriterProcess:
    """`path` is the socket on which the writer listens. `times` has the times of its batches."""

    def __init__(self, reactor: IReactor, path: str, events: IEventSink) -> None:
        self.times = new_batch_times()
        self._reactor = reactor
        self._path = path
        self._events = events
        self._process: _Process | None = None
        self._born = 0.0
        self._delays = RestartDelays(0.1)
        self._next: IDelayedCall | None = None
        self._stopping = False
        self._ended: Deferred[None] | None = None

    def start(self) -> None:
        """Start the process. Until it listens, all others write for themselves."""
        self._next = None
        self._born = self._reactor.seconds()
        process = _Process(self)
        command = [sys.executable, "-m", start.MODULE, MODULE, self._path, str(TIMES)]
        descriptors: dict[int, str | int] = {0: "w", 1: "r", 2: "r", TIMES: self.times.fd}
        try:
            self._reactor.spawnProcess(
                process, sys.executable, command, env=None, childFDs=descriptors
            )
        except OSError as error:
            self.ended(f"cannot be started: {error}")
        else:
            self._process = process

    @property
    def pid(self) -> int | None:
        """The number of the process, None while there is none."""
        transport = self._process.transport if self._process else None
        return transport.pid if transport is not None else None

    async def stop(self) -> None:
        """End the process. Its clients have closed their connections."""
        self._stopping = True
        if self._next is not None:
            self._next.cancel()
        process = self._process
        if process is None or process.transport is None:
            return
        self._ended = Deferred()
        process.transport.closeStdin()
        deadline = self._reactor.callLater(STOP_TIMEOUT, process.transport.signalProcess, "KILL")
        await self._ended
        if deadline.active():
            deadline.cancel()

    def ended(self, how: str) -> None:
        """The process ended. Before `stop` it is replaced, after a pause that grows."""
        self._process = None
        if self._stopping:
            if self._ended is not None:
                self._ended.callback(None)
            return
        self.log_line(how)
        delay = self._delays.after(self._reactor.seconds() - self._born)
        self._next = self._reactor.callLater(delay, self.start)

    def log_line(self, text: str) -> None:
        """Log what the process wrote, or how it ended."""
        self._events.emit(Faulted("the writer", text))


class _Process(Child):
    def __init__(self, owner: WriterProcess) -> None:
        super().__init__(owner.log_line)
        self._owner = owner

    def processEnded(self, reason: Failure) -> None:
        """See `ended`."""
        self._owner.ended(f"died: {reason.getErrorMessage()}")
