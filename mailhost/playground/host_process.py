"""A host of the playground in a process of its own, which writes its log to a file."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.python.failure import Failure

from mailhost.interfaces.reactor import IReactor
from mailhost.playground.certificates import VARIABLE
from mailhost.playground.preparing import AUTHORITY_FILE, SETTINGS_FILE
from mailhost.processes.child import Child
from mailhost.processes.start import MODULE

LOG_FILE = "log"
PATIENCE = 120.0  # seconds for a start or a stop
_LAST_LINES = 15  # of the log, for the message about a failed start


class HostFailed(Exception):
    """A host of the playground did not start or reload; the message has the end of its log."""


class HostProcess:
    """The host whose files are in `place`, a folder in that of the playground. `died` is called
    with a text if the host ends by itself after its start."""

    def __init__(self, reactor: IReactor, place: Path, died: Callable[[str], None]) -> None:
        self._reactor = reactor
        self._place = place
        self._died = died
        self._stopping = False
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._waiting: list[tuple[str, Deferred[str]]] = []
        self._ended: Deferred[None] = Deferred()
        self._process: Any = None

    async def start(self) -> None:
        """Return when the host is ready. Raises HostFailed."""
        self._open_log()
        arguments = [sys.executable, "-m", MODULE, "mailhost.playground.host_main"]
        arguments.append(str(self._place / SETTINGS_FILE))
        ready = self._line_with(" is ready")
        self._process = self._reactor.spawnProcess(
            _Host(self), sys.executable, arguments, env=self._environment(), path=str(self._place)
        )
        await self._within(ready, "was not ready")

    def _open_log(self) -> None:
        path = self._place / LOG_FILE
        self._log = path.open("a", encoding="utf-8")  # until the process ends

    async def reload(self) -> None:
        """Have the host read its settings and certificates again. Raises HostFailed."""
        done = self._line_with("reload")
        self._process.signalProcess("HUP")
        line = await self._within(done, "did not reload its settings")
        if "refused" in line:
            raise HostFailed(line)

    async def stop(self) -> None:
        """End the process, and return when it has ended."""
        self._stopping = True
        if self._process is None:
            return
        self._process.closeStdin()  # which ends it; a signal is lost if it comes before the exec
        try:
            await self._ended.addTimeout(PATIENCE, self._reactor)
        except TimeoutError:
            self._process.signalProcess("KILL")
        self._process = None

    def _environment(self) -> Mapping[str, str]:
        return {**os.environ, VARIABLE: str(self._place.parent / AUTHORITY_FILE)}

    def _line_with(self, text: str) -> Deferred[str]:
        """Return the next line of the log that has this text, when it comes."""
        found: Deferred[str] = Deferred()
        self._waiting.append((text, found))
        return found

    async def _within(self, found: Deferred[str], what: str) -> str:
        try:
            return await found.addTimeout(PATIENCE, self._reactor)
        except (TimeoutError, HostFailed) as error:
            end = "\n".join(self._last)
            raise HostFailed(f"the host in {self._place} {what}:\n{end}") from error

    def line_read(self, line: str) -> None:
        """The process has written a line."""
        self._log.write(f"{line}\n")
        self._log.flush()
        self._last.append(line)
        for waiting in [each for each in self._waiting if each[0] in line]:
            self._waiting.remove(waiting)
            waiting[1].callback(line)

    def ended(self) -> None:
        """The process has ended."""
        self._log.close()
        waiting, self._waiting = self._waiting, []
        if not self._stopping:  # else it ends as asked, and a start that waits is given up
            for _, found in waiting:
                found.errback(HostFailed("it ended"))
            if not waiting:
                self._died(f"the host in {self._place} has ended:\n" + "\n".join(self._last))
        self._ended.callback(None)


class _Host(Child):
    def __init__(self, host: HostProcess) -> None:
        super().__init__(host.line_read)
        self._host = host

    def processEnded(self, reason: Failure) -> None:
        self._host.ended()
