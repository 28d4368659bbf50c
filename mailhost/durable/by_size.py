"""Small commits go to the writer of all processes, large ones wait for each other in a thread.

A batch is answered when its last file is safe. A hundred messages of 50 MB in a batch would keep
all small ones in it waiting for their 5 GB. So large commits go to a thread of their own, one at a
time: they gain nothing from sharing a sync, and each is answered when it is safe. A commit whose
octets lie in a file that only this process has open, and every commit while the writer cannot be
reached, goes to another thread of this process.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from twisted.internet.defer import Deferred, DeferredLock
from zope.interface import implementer

from mailhost.durable.committer import Committer
from mailhost.durable.writer_client import WriterClient
from mailhost.interfaces.changes import Change, Results
from mailhost.interfaces.store import ICommitter

LARGE_COMMIT = 4 << 20  # octets of all files of a commit


@implementer(ICommitter)
class BySize:
    """`shared` reaches the writer of all processes. `small` and `large` are threads of this one."""

    def __init__(self, shared: WriterClient, small: Committer, large: Committer) -> None:
        self._shared = shared
        self._small = small
        self._large = large
        self._large_lock = DeferredLock()

    @property
    def trouble(self) -> str:
        """The fault of the writer now, empty for none."""
        return self._shared.trouble

    def start(self) -> None:
        """Connect to the writer, and start both threads."""
        self._shared.start()
        self._small.start()
        self._large.start()

    async def stop(self) -> None:
        """Finish what waits. No large commit is made after that."""
        await self._large_lock.acquire()
        await self._large.stop()
        await self._shared.stop()
        await self._small.stop()

    def commit(self, changes: Sequence[Change]) -> Awaitable[Results]:
        """See ICommitter."""
        if sum(change.size for change in changes) < LARGE_COMMIT:
            shared = self._shared.connected and all(change.in_memory for change in changes)
            return (self._shared if shared else self._small).commit(changes)
        return self._large_lock.run(lambda: Deferred.fromCoroutine(self._commit_large(changes)))

    async def _commit_large(self, changes: Sequence[Change]) -> Results:
        return await self._large.commit(changes)
