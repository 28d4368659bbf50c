"""What all processes that the head starts have in common.

What they write is trouble, and one that dies soon is replaced late.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.protocol import ProcessProtocol

SHORT_LIFE = 10.0  # seconds; who dies sooner is replaced later
LONGEST_PAUSE = 30.0  # seconds


class Child(ProcessProtocol):
    """One process. `log_line` gets each line that it writes."""

    def __init__(self, log_line: Callable[[str], None]) -> None:
        self._log_line = log_line
        self._said = b""

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """It wrote."""
        *lines, self._said = (self._said + data).split(b"\n")
        for line in lines:
            self._log_line(line.decode("utf-8", "replace"))


class RestartDelays:
    """How long to wait before another is started. `first` is in seconds."""

    def __init__(self, first: float) -> None:
        self._first = first
        self._last = 0.0

    def after(self, lived: float) -> float:
        """Return 0 seconds where the last one `lived` long enough, else more each time."""
        doubled = min(max(2 * self._last, self._first), LONGEST_PAUSE)
        self._last = doubled if lived < SHORT_LIFE else 0.0
        return self._last
