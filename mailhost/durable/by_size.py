"""Large changes wait for each other, and nobody else waits for them.

A batch is answered when its last file is safe. A hundred messages of 50 MB in it would keep all
who send small ones waiting for their 5 GB. So what is large goes to a writer of its own, one commit
at a time: it has nothing to gain from sharing a sync, and each is answered when it is safe.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred, DeferredLock
from zope.interface import implementer

from mailhost.interfaces import Change, ICommitter, NewFile

LARGE = 4 << 20  # octets of all files of a commit

Results = Sequence[OSError | None]


class Writer(Protocol):
    """An ICommitter with a beginning and an end."""

    def start(self) -> None:
        """Begin."""

    async def stop(self) -> None:
        """Finish what waits."""

    def commit(self, changes: Sequence[Change], /) -> Awaitable[Results]:
        """See ICommitter."""


@implementer(ICommitter)
class BySize:
    """Two writers as one."""

    def __init__(self, small: Writer, large: Writer) -> None:
        self._small = small
        self._large = large
        self._turn = DeferredLock()

    def start(self) -> None:
        """Start both."""
        self._small.start()
        self._large.start()

    async def stop(self) -> None:
        """Finish what waits. Nothing large is taken after that."""
        await self._turn.acquire()
        await self._large.stop()
        await self._small.stop()

    def commit(self, changes: Sequence[Change]) -> Awaitable[Results]:
        """See ICommitter."""
        if sum(map(_size, changes)) < LARGE:
            return self._small.commit(changes)
        return self._turn.run(lambda: Deferred.fromCoroutine(self._one(changes)))

    async def _one(self, changes: Sequence[Change]) -> Results:
        return await self._large.commit(changes)


def _size(change: Change) -> int:
    if not isinstance(change, NewFile):
        return 0
    return sum(content.size for content in change.contents)
