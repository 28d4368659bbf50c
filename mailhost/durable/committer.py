"""Group commit: whoever wants files made durable waits here, and is served with all the others.

One batch is under way at a time, in a thread of its own. What arrives meanwhile makes up the next
batch, so that the busier the host is, the more messages share the price of a sync.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from mailhost.durable.batch import Batch
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces import Change, ICommitter


@implementer(ICommitter)
class Committer:
    """The one writer. `start` and `stop` bracket its thread."""

    _log = Logger()

    def __init__(self, reactor: IReactorFromThreads, system: OperatingSystem) -> None:
        self._reactor = reactor
        self._system = system
        self._pool = ThreadPool(1, 1, "durable")
        self._waiting: list[tuple[Sequence[Change], Deferred[Sequence[OSError | None]]]] = []
        self._rooted: set[str] = set()
        self._busy = False
        self._idle: list[Deferred[None]] = []

    def start(self) -> None:
        """Start the thread."""
        self._pool.start()

    async def stop(self) -> None:
        """Finish what waits, then end the thread."""
        if self._busy:
            idle: Deferred[None] = Deferred()
            self._idle.append(idle)
            await idle
        self._pool.stop()

    def commit(self, changes: Sequence[Change]) -> Awaitable[Sequence[OSError | None]]:
        done: Deferred[Sequence[OSError | None]] = Deferred()
        self._waiting.append((changes, done))
        if not self._busy:
            self._busy = True
            Deferred.fromCoroutine(self._work())
        return done

    async def _work(self) -> None:
        while self._waiting:
            jobs, self._waiting = self._waiting, []
            results = await self._run([change for changes, _ in jobs for change in changes])
            for changes, done in jobs:
                mine, results = results[: len(changes)], results[len(changes) :]
                done.callback(mine)
        self._busy = False
        idle, self._idle = self._idle, []
        for deferred in idle:
            deferred.callback(None)

    async def _run(self, changes: Sequence[Change]) -> Sequence[OSError | None]:
        """Have a batch made durable. A bug is logged, and is one more reason to fail."""
        batch = Batch(self._system, changes, self._rooted)
        try:
            results = await deferToThreadPool(self._reactor, self._pool, batch.run)
        except Exception as bug:  # noqa: BLE001 - whoever waits must hear of it
            self._log.failure("A batch of changes failed")
            return [OSError(f"{type(bug).__name__}: {bug}")] * len(changes)
        for error in results:
            if error is not None and error.__cause__ is not None:
                self._log.failure("A change failed for a bug", Failure(error.__cause__))
        return results
