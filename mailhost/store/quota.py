"""How much an account holds: counted on the disk, then kept up by what is delivered.

Other tools delete and add too, so it is counted anew after a while, and always before mail is
refused for it. Removals are noticed then. For RCPT TO, which a client can repeat at no cost, the
octets are counted at most once in RECENT seconds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf
from typing import Protocol

from mailhost.interfaces.answer import Answer

FRESH = 600.0  # seconds that a count is believed
RECENT = 10.0  # seconds that a count is believed which finds too little room


class OctetCounts(Protocol):
    """What accounts hold, here or in another process. See Usages."""

    async def reserve(self, path: str, size: int, quota: int) -> bool:
        """Raises OSError."""

    def release(self, path: str, size: int) -> None:
        """End a reservation: the message is on the disk by now, or will never be."""

    def left(self, path: str, size: int, quota: int) -> Answer[int]:
        """Raises OSError where it is awaited."""


@dataclass(slots=True)
class _Usage:
    """All in octets. `granted` and `released` only grow; what lies between them is being written.

    A count of the disk may have missed whatever was not released when it began.
    """

    granted: int = 0
    released: int = 0
    counted: int = 0  # on the disk
    released_before: int = 0  # `released` when that count began
    count_ends: float = -inf  # seconds: when that count is no longer believed
    reserved_last: float = -inf  # seconds
    looked_at: float = -inf  # seconds: when `left` had it counted

    @property
    def octets(self) -> int:
        return self.counted + self.granted - self.released_before


class Usages:
    """The usage of every account that has a quota, by the path of its Maildir.

    `count` returns the octets below a path, in a thread; `seconds` is a clock.
    """

    def __init__(
        self, count: Callable[[str], Awaitable[int]], seconds: Callable[[], float]
    ) -> None:
        self._count = count
        self._seconds = seconds
        self._known: dict[str, _Usage] = {}

    async def reserve(self, path: str, size: int, quota: int) -> bool:
        """Count `size` octets more in, before they are written. False where that is too much.

        Reserving first keeps two deliveries at once from both fitting in the same room. Each
        reservation is released when its writing ended. Raises OSError.
        """
        usage = self._known.setdefault(path, _Usage())
        now = self._seconds()
        if now - usage.reserved_last > FRESH:
            usage.released = usage.granted  # no writing takes that long: its process died
        if now > usage.count_ends or usage.octets + size > quota:
            await self._count_anew(path, usage)
        if usage.octets + size > quota:
            return False
        usage.granted += size
        usage.reserved_last = now
        return True

    def release(self, path: str, size: int) -> None:
        """End a reservation: the message is on the disk by now, or will never be."""
        usage = self._known.get(path)
        if usage is not None:
            usage.released = min(usage.released + size, usage.granted)

    def left(self, path: str, size: int, quota: int) -> Answer[int]:
        """Return how many octets still fit, by the last count; nothing is reserved.

        Without a count, or where `size` would not fit, the octets are counted anew. Raises OSError.
        """
        usage = self._known.setdefault(path, _Usage())
        now, left = self._seconds(), quota - usage.octets
        if (now <= usage.count_ends and left >= size) or now < usage.looked_at + RECENT:
            return left
        usage.looked_at = now
        return self._left_anew(path, usage, quota)

    async def _left_anew(self, path: str, usage: _Usage, quota: int) -> int:
        await self._count_anew(path, usage)
        return quota - usage.octets

    async def _count_anew(self, path: str, usage: _Usage) -> None:
        released = usage.released
        usage.counted = await self._count(path)
        usage.released_before = released
        usage.count_ends = self._seconds() + FRESH
