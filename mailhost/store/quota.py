"""How much an account holds: counted once, then kept up by deliveries and removals.

Other tools delete and add too, so it is counted anew after a while, and always before mail is
refused for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

FRESH = 600.0  # seconds that a count is believed


@dataclass(slots=True)
class _Usage:
    octets: int
    counted: float


class OctetCounts(Protocol):
    """What accounts hold, here or in another process. See Usages."""

    async def reserve(self, path: str, size: int, quota: int) -> bool:
        """Raises OSError."""

    def release(self, path: str, size: int) -> None:
        """A reserved message was not written, or a message was removed."""


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

        Reserving first keeps two deliveries at once from both fitting in the same room.
        """
        usage = self._known.get(path)
        if usage is None or self._seconds() - usage.counted > FRESH or usage.octets + size > quota:
            usage = await self._counted(path)
        if usage.octets + size > quota:
            return False
        usage.octets += size
        return True

    def release(self, path: str, size: int) -> None:
        """A reserved message was not written, or a message was removed."""
        usage = self._known.get(path)
        if usage is not None:
            usage.octets = max(usage.octets - size, 0)

    async def _counted(self, path: str) -> _Usage:
        octets = await self._count(path)
        usage = self._known[path] = _Usage(octets, self._seconds())
        return usage
