"""The head's side of the writer: its process is started, and another one where it dies."""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from mailhost.interfaces.events import Faulted, IEventSink
from mailhost.processes import start
from mailhost.processes.child import Child, RestartDelays

MODULE = "mailhost.durable.writer"
LAST_CHANCE = 10.0  # seconds that it has to end


class WriterProcess:
    """`path` is where it is to listen."""

    def __init__(self, reactor: Any, path: str, events: IEventSink) -> None:
        self._reactor = reactor
        self._path = path
        self._events = events
        self._process: _Process | None = None
        self._born = 0.0
        self._pauses = RestartDelays(0.1)
        self._next: IDelayedCall | None = None
        self._stopping = False
        self._ended: Deferred[None] | None = None

    def start(self) -> None:
        """Start it. While there is none, all processes write for themselves."""
        self._next = None
        self._born = self._reactor.seconds()
        process = _Process(self)
        command = [sys.executable, "-m", start.MODULE, MODULE, self._path]
        try:
            self._reactor.spawnProcess(
                process, sys.executable, command, env=None, childFDs={0: "w", 1: "r", 2: "r"}
            )
        except OSError as error:
            self.ended(f"cannot be started: {error}")
        else:
            self._process = process

    async def stop(self) -> None:
        """End it; nobody asks it for anything any more."""
        self._stopping = True
        if self._next is not None:
            self._next.cancel()
        process = self._process
        if process is None or process.transport is None:
            return
        self._ended = Deferred()
        process.transport.closeStdin()
        deadline = self._reactor.callLater(LAST_CHANCE, process.transport.signalProcess, "KILL")
        await self._ended
        if deadline.active():
            deadline.cancel()

    def ended(self, how: str) -> None:
        """It is gone. One that was not told to go is replaced, ever more slowly."""
        self._process = None
        if self._stopping:
            if self._ended is not None:
                self._ended.callback(None)
            return
        self.trouble(how)
        pause = self._pauses.after(self._reactor.seconds() - self._born)
        self._next = self._reactor.callLater(pause, self.start)

    def trouble(self, text: str) -> None:
        """Tell what it wrote, or what became of it."""
        self._events.emit(Faulted("the writer", text))


class _Process(Child):
    def __init__(self, owner: WriterProcess) -> None:
        super().__init__(owner.trouble)
        self._owner = owner

    def processEnded(self, reason: Failure) -> None:
        """It is gone."""
        self._owner.ended(f"died: {reason.getErrorMessage()}")
