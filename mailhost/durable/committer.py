"""Group commit in a thread of this process: commits that wait at the same time share their syncs.

One batch is under way at a time. The next batch has all commits that arrive in one turn of the
reactor, or while a batch is under way: the busier the host is, the more messages share the cost of
a sync.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from queue import SimpleQueue
from threading import Thread

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailhost.durable.batch import Batch
from mailhost.durable.log.names import Settle, nothing_is_logged
from mailhost.durable.log.settled import settled_batch
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.changes import Change, Results
from mailhost.interfaces.reactor import IReactor
from mailhost.interfaces.store import ICommitter

Job = tuple[Sequence[Change], Deferred[Results]]


@implementer(ICommitter)
class Committer:
    """Call `start` before the first commit, and `stop` after the last one. `settle` settles the log
    of the writer for files that this process is about to change."""

    _log = Logger()

    def __init__(
        self, reactor: IReactor, system: OperatingSystem, settle: Settle = nothing_is_logged
    ) -> None:
        self._reactor = reactor
        self._settle = settle
        self._system = system
        self._inbox: SimpleQueue[list[Job]] = SimpleQueue()  # no jobs at all: the end
        self._thread = Thread(target=self._work, name="durable", daemon=True)
        self._waiting: list[Job] = []
        self._durable_names: set[str] = set()
        self._busy = False
        self._idle: list[Deferred[None]] = []

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    async def stop(self) -> None:
        """Finish what waits, then end the thread."""
        if self._busy:
            idle: Deferred[None] = Deferred()
            self._idle.append(idle)
            await idle
        self._inbox.put([])
        self._thread.join()

    def commit(self, changes: Sequence[Change]) -> Awaitable[Results]:
        done: Deferred[Results] = Deferred()
        self._waiting.append((changes, done))
        if not self._busy:
            self._busy = True
            self._reactor.callLater(0, self._next)
        return done

    def _next(self) -> None:
        jobs, self._waiting = self._waiting, []
        self._inbox.put(jobs)

    def _done(self, jobs: list[Job], results: Results) -> None:
        for error in results:
            if error is not None and error.__cause__ is not None:
                self._log.failure("A change failed because of a bug", Failure(error.__cause__))
        for changes, done in jobs:
            mine, results = results[: len(changes)], results[len(changes) :]
            done.callback(mine)
        if self._waiting:
            self._next()
            return
        self._busy = False
        idle, self._idle = self._idle, []
        for deferred in idle:
            deferred.callback(None)

    # --- in the thread ---------------------------------------------------------------------------

    def _work(self) -> None:
        while jobs := self._inbox.get():
            results = self._run([change for changes, _ in jobs for change in changes])
            self._reactor.callFromThread(self._done, jobs, results)
            del jobs, results  # else the files of messages stay open until the next come

    def _run(self, changes: Sequence[Change]) -> Results:
        """Make a batch durable. A bug fails the whole of it."""
        try:
            return settled_batch(self._settle, self._run_batch, changes)
        except Exception as bug:  # noqa: BLE001 - logged in `_done`; all that wait need an answer
            error = OSError(f"{type(bug).__name__}: {bug}")
            error.__cause__ = bug
            return [error, *(OSError(str(error)) for _ in changes[1:])]

    def _run_batch(self, changes: Sequence[Change]) -> Results:
        return Batch(self._system, changes, self._durable_names).run()
