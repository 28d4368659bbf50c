"""Runs a program of the operator, without a shell, with a bound for its time and its output."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from mailhost.interfaces.reactor import IReactor

KEPT_OUTPUT = 500  # octets
LARGEST_OUTPUT = 1_000_000  # octets; a program that writes more is killed
KILLED = -1  # exit code


class RunProgram(Protocol):
    """Runs a program."""

    def __call__(self, arguments: Sequence[str], text: str = "") -> Deferred[Ended]:
        """Run a program with `text` as its input. Cancelling the Deferred kills it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a program. `code` is 0 for success, KILLED if a signal ended it; `output` is the
    beginning of what it wrote to standard output and standard error."""

    code: int
    output: str


class _Running(ProcessProtocol):
    def __init__(self, text: str) -> None:
        self.ended: Deferred[Ended] = Deferred(lambda _: self.kill())
        self._text = text
        self._output = b""
        self._size = 0

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.write(self._text.encode())
        transport.closeStdin()

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        self._output = (self._output + data)[:KEPT_OUTPUT]
        self._size += len(data)
        if self._size > LARGEST_OUTPUT:
            self.kill()

    def processEnded(self, reason: Failure) -> None:
        if self.ended.called:
            return
        code = 0 if reason.check(ProcessDone) else getattr(reason.value, "exitCode", None)
        text = " ".join(self._output.decode("utf-8", "replace").split())
        if self._size > LARGEST_OUTPUT:
            text = f"more than {LARGEST_OUTPUT // 1_000_000} MB of output: {text}"
        self.ended.callback(Ended(KILLED if code is None else code, text))

    def kill(self) -> None:
        """Kill it, and read no more from other programs that it has started."""
        transport: Any = self.transport
        transport.loseConnection()
        with suppress(ProcessExitedAlready):
            transport.signalProcess("KILL")


def programs_of(reactor: IReactor, seconds: float) -> RunProgram:
    """Return what runs programs, each for at most `seconds`: then it is killed, and the Deferred
    fails with TimeoutError."""

    def run(arguments: Sequence[str], text: str = "") -> Deferred[Ended]:
        running = _Running(text)
        reactor.spawnProcess(running, arguments[0], [*arguments], env=dict(os.environ))
        return running.ended.addTimeout(seconds, reactor)

    return run
