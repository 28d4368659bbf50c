"""Who writes what: small changes go to the writer of all processes, large ones wait for each other,
and nobody else waits for them.

A batch is answered when its last file is safe. A hundred messages of 50 MB in it would keep all
who send small ones waiting for their 5 GB. So what is large goes to a writer of its own, one commit
at a time: it has nothing to gain from sharing a sync, and each is answered when it is safe. What
lies in a file that only this process holds, and all while there is no shared writer, goes to a
thread of this process.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred, DeferredLock
from zope.interface import implementer

from mailhost.interfaces.changes import Change, Results
from mailhost.interfaces.store import ICommitter

LARGE = 4 << 20  # octets of all files of a commit


class Writer(Protocol):
    """An ICommitter with a beginning and an end."""

    def start(self) -> None:
        """Begin."""

    async def stop(self) -> None:
        """Finish what waits."""

    def commit(self, changes: Sequence[Change], /) -> Awaitable[Results]:
        """See ICommitter."""


class Shared(Writer, Protocol):
    """The writer of all processes. `there` is False while there is none."""

    @property
    def there(self) -> bool:
        """True where a commit would reach it."""


@implementer(ICommitter)
class BySize:
    """Three writers as one."""

    def __init__(self, shared: Shared, small: Writer, large: Writer) -> None:
        self._shared = shared
        self._small = small
        self._large = large
        self._turn = DeferredLock()

    def start(self) -> None:
        """Start all."""
        self._shared.start()
        self._small.start()
        self._large.start()

    async def stop(self) -> None:
        """Finish what waits. Nothing large is taken after that."""
        await self._turn.acquire()
        await self._large.stop()
        await self._shared.stop()
        await self._small.stop()

    def commit(self, changes: Sequence[Change]) -> Awaitable[Results]:
        """See ICommitter."""
        if sum(change.size for change in changes) < LARGE:
            shared = self._shared.there and all(change.in_memory for change in changes)
            return (self._shared if shared else self._small).commit(changes)
        return self._turn.run(lambda: Deferred.fromCoroutine(self._one(changes)))

    async def _one(self, changes: Sequence[Change]) -> Results:
        return await self._large.commit(changes)
