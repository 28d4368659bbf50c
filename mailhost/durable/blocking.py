"""Changes made durable by the thread that asks for them, for work that runs in a thread anyway.

It shares its syncs with nobody, so it is for changes that must happen in the middle of other work,
while a lock is held, and not for deliveries.
"""

from __future__ import annotations

from collections.abc import Sequence

from mailhost.durable.batch import Batch
from mailhost.durable.log.names import Settle, nothing_is_logged
from mailhost.durable.log.settled import settled_batch
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.changes import Change, Results


class BlockingCommitter:
    """May be used by several threads at once. `settle` settles the log of the writer for files that
    the writer may have made or removed."""

    def __init__(self, system: OperatingSystem, settle: Settle = nothing_is_logged) -> None:
        self._system = system
        self._settle = settle
        self._rooted: set[str] = set()

    def commit(self, changes: Sequence[Change]) -> Results:
        """As ICommitter, when it returns."""
        return settled_batch(self._settle, self._run, changes)

    def _run(self, changes: Sequence[Change]) -> Results:
        return Batch(self._system, changes, self._rooted).run()
