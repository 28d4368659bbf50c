"""How much an account holds: counted on the disk, then kept up by what is delivered and removed.

Other programs add and remove mail too, so it is counted anew after a while, and always before mail
is refused for it. For RCPT TO, which a client can repeat at no cost, the octets are counted at most
once in RECENT seconds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import inf
from typing import TypeAlias

from zope.interface import implementer

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.directory import IDirectory
from mailhost.interfaces.store import IUsages
from mailhost.message.address import Address

LIFETIME = 600.0  # seconds that a count is believed
RECENT = 10.0  # seconds that a count is believed which finds too little room

QuotaOf: TypeAlias = Callable[[Address], int | None]
"""Returns the quota of an account in octets, None for no limit and for no account."""


def quotas_of(directory: IDirectory) -> QuotaOf:
    """Return the quotas as the newest view of a directory has them."""

    def quota_of(address: Address) -> int | None:
        account = directory.view.account(address)
        return account.quota if account is not None else None

    return quota_of


def no_quota(address: Address) -> None:
    """Accounts without a limit."""


@dataclass(slots=True)
class _Usage:
    """All in octets. `granted` and `released` only grow; their difference is being written.

    A count of the disk may have missed whatever was not released when it began.
    """

    granted: int = 0
    released: int = 0
    counted: int = 0  # on the disk, less what was removed since
    released_before: int = 0  # `released` when that count began
    count_ends: float = -inf  # seconds: when that count is no longer believed
    reserved_last: float = -inf  # seconds
    asked_last: float = -inf  # seconds: when `left` had it counted

    @property
    def octets(self) -> int:
        return self.counted + self.granted - self.released_before

    @property
    def written(self) -> int:
        """Those that are not being written."""
        return self.octets - (self.granted - self.released)


@implementer(IUsages)
class Usages:
    """The usage of every account that has a quota. Keys are the paths of Maildirs.

    `count` returns the octets below a path, in a thread; `seconds` is a clock.
    """

    def __init__(
        self, count: Callable[[str], Awaitable[int]], seconds: Callable[[], float]
    ) -> None:
        self._count = count
        self._seconds = seconds
        self._known: dict[str, _Usage] = {}

    async def reserve(self, key: str, size: int, quota: int) -> bool:
        """See IUsages. Reserving first keeps two deliveries at once from taking the same room."""
        usage = self._known.setdefault(key, _Usage())
        now = self._seconds()
        if now - usage.reserved_last > LIFETIME:
            usage.released = usage.granted  # no writing takes that long: its process died
        if now > usage.count_ends or usage.octets + size > quota:
            await self._count_anew(key, usage)
        if usage.octets + size > quota:
            return False
        usage.granted += size
        usage.reserved_last = now
        return True

    def release(self, key: str, size: int) -> None:
        """See IUsages."""
        usage = self._known.get(key)
        if usage is not None:
            usage.released = min(usage.released + size, usage.granted)

    def removed(self, key: str, size: int) -> None:
        """See IUsages. Mail that another program added after the last count may be removed here;
        what is being written stays counted all the same."""
        usage = self._known.get(key)
        if usage is not None:
            usage.counted -= min(size, usage.written)

    def left(self, key: str, size: int, quota: int) -> Answer[int]:
        """See IUsages."""
        usage = self._known.setdefault(key, _Usage())
        now, left = self._seconds(), quota - usage.octets
        if (now <= usage.count_ends and left >= size) or now < usage.asked_last + RECENT:
            return left
        usage.asked_last = now
        return self._left_anew(key, usage, quota)

    async def _left_anew(self, key: str, usage: _Usage, quota: int) -> int:
        await self._count_anew(key, usage)
        return quota - usage.octets

    async def _count_anew(self, key: str, usage: _Usage) -> None:
        released = usage.released
        usage.counted = await self._count(key)
        usage.released_before = released
        usage.count_ends = self._seconds() + LIFETIME
