"""Fair scheduling: entries that are due wait in lines, one for each destination, and the lines take
turns. A destination is a recipient domain, or several for a message to several.

A destination that does not answer holds its places for minutes. Therefore each destination may have
a share of all places only. The share halves with every attempt in which no host answered, and grows
with every other: ten thousand messages for a dead host leave places for other destinations. Within
a destination, new mail and mail tried before take turns too.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

SHARES = 4  # one destination starts with a quarter of all places


@dataclass(slots=True)
class _Line:
    """One destination: entries that wait, the number under way, the number allowed."""

    allowed: float
    new: deque[str] = field(default_factory=deque)
    old: deque[str] = field(default_factory=deque)
    old_first: bool = False
    running: int = 0

    @property
    def ready(self) -> bool:
        return bool(self.new or self.old) and self.running < int(self.allowed)

    def take(self) -> str:
        queue = self.old if (self.old_first and self.old) or not self.new else self.new
        self.old_first = queue is self.new
        self.running += 1
        return queue.popleft()


class FairSchedule:
    """Entries that are due, and those under way."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.running = 0
        self._lines: dict[str, _Line] = {}
        self._order: deque[str] = deque()  # destinations with entries that wait

    def add(self, id: str, destination: str, new: bool) -> None:
        """Let `id` wait for its turn."""
        line = self._lines.get(destination)
        if line is None:
            line = self._lines[destination] = _Line(max(self.places / SHARES, 1.0))
        if not (line.new or line.old):
            self._order.append(destination)
        (line.new if new else line.old).append(id)

    def take(self) -> tuple[str, str] | None:
        """Return the entry whose turn it is and its destination; None if none may begin now.

        Each entry taken is given back by `done`.
        """
        if self.running >= self.places:
            return None
        for _ in range(len(self._order)):
            destination = self._order.popleft()
            line = self._lines[destination]
            if not line.ready:
                self._order.append(destination)
                continue
            id = line.take()
            if line.new or line.old:
                self._order.append(destination)
            self.running += 1
            return id, destination
        return None

    def done(self, destination: str, answered: bool | None) -> None:
        """Give back an entry that was taken. `answered` is None if no host was asked."""
        self.running -= 1
        line = self._lines[destination]
        line.running -= 1
        most = max(self.places / SHARES, 1.0)
        if answered is not None:
            line.allowed = min(line.allowed + 1, most) if answered else max(line.allowed / 2, 1.0)
        if not (line.running or line.new or line.old):
            del self._lines[destination]
