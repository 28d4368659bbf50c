"""The base of all child processes of the head: their output is logged, and restarts slow down."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.protocol import ProcessProtocol

SHORT_LIFE = 10.0  # seconds; after a shorter life the next process starts later
LONGEST_RESTART_DELAY = 30.0  # seconds


class Child(ProcessProtocol):
    """One process. `log_line` gets each line that the process writes, to any descriptor."""

    def __init__(self, log_line: Callable[[str], None]) -> None:
        self._log_line = log_line
        self._unfinished = b""  # the start of a line whose end has not come yet

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """Log the lines that are complete."""
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        for line in lines:
            self._log_line(line.decode("utf-8", "replace"))


class RestartDelays:
    """How long to wait before the next process is started. `first` is in seconds."""

    def __init__(self, first: float) -> None:
        self._first = first
        self._last = 0.0

    def after(self, lived: float) -> float:
        """Return 0 seconds where the last process `lived` long enough, else more each time."""
        doubled = min(max(2 * self._last, self._first), LONGEST_RESTART_DELAY)
        self._last = doubled if lived < SHORT_LIFE else 0.0
        return self._last
