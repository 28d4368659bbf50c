"""Checkpoints: what the log has is made durable in the file system too, beside the batches.

A checkpoint takes the position where the log ends, syncs the file system in a thread, and then
writes a CHECKPOINT record with that position. Until this record is safe nothing of the log is free,
and no name leaves the window.

A write that fails is repeated once, in another segment, which makes the failed one void. If that
fails too, the log is not used until a checkpoint succeeds. If a sync of the file system fails, the
kernel may have dropped what it could not write, and a second sync would succeed without it. So the
log is not used until its files were compared with their records (`repair`), and written again where
the disk has lost them.

Names of files whose rename has failed are in the window too: the disk may have either name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from typing import Protocol

from mailhost.durable.log.log import Log, LogFull
from mailhost.durable.log.names import base_name
from mailhost.durable.log.records import NewRecord
from mailhost.durable.log.window import Window

INTERVAL = 1.0  # seconds from the first record to the next checkpoint
RETRY = 10.0  # seconds between two attempts to use the log again
_UNCERTAIN = (
    "the log cannot be written: what was refused just now may be there after a power cut, until the"
    " log is used again"
)


class IBackground(Protocol):
    """See Background."""

    @property
    def busy(self) -> bool:
        """True while work is under way."""

    def start(self, work: Callable[[], None]) -> None:
        """Begin work."""

    def end(self) -> Exception | None:
        """Wait for the work."""


class Checkpoints:
    """`sync` syncs the file system, `repair` compares the files with the log and then does so; both
    block and raise OSError. `clock` returns seconds, `log_line` logs a line."""

    def __init__(
        self,
        log: Log,
        background: IBackground,
        sync: Callable[[], None],
        repair: Callable[[], None],
        clock: Callable[[], float],
        log_line: Callable[[str], None],
    ) -> None:
        self._log = log
        self._background = background
        self._sync = sync
        self._repair = repair
        self._clock = clock
        self._log_line = log_line
        self._logged = Window()
        self._in_doubt = Window()
        self._due: float | None = None  # when a checkpoint is to begin
        self._at = log.end
        self._sync_failed = False
        self.on = True  # False while changes are made without the log

    # --- for the loop of the writer --------------------------------------------------------------

    @property
    def wait(self) -> float | None:
        """Seconds until `turn` has something to do, None for never."""
        if self._due is None or self._background.busy:
            return None
        return max(self._due - self._clock(), 0.0)

    def turn(self) -> None:
        """Begin a checkpoint if it is time."""
        if self.wait == 0.0:
            self.begin()

    def begin(self) -> None:
        """Begin a checkpoint, if none is under way."""
        if self._background.busy:
            return
        self._due = None
        self._at = self._log.end
        self._logged.mark()
        self._in_doubt.mark()
        sync = self._repair if self._sync_failed else self._sync
        self._background.start(partial(self._sync_and_grow, sync))

    def end(self) -> Exception | None:
        """Wait for the checkpoint under way, and return why it failed."""
        error = self._background.end()
        self._sync_failed = error is not None
        error = error or self._note()
        if error is not None:
            self.fail(error)
        elif not self.on:
            self.on = True
            self._log_line("the log is used again")
        return error

    def _note(self) -> Exception | None:
        """Write the CHECKPOINT record, and forget what it covers. Return why that failed."""
        try:
            self._log.checkpoint(self._at)
        except (OSError, LogFull) as error:
            return error
        self._logged.drop()
        self._in_doubt.drop()
        if self._logged.grew or self._in_doubt.grew:
            self._be_due()
        return None

    def _be_due(self) -> None:
        if self._due is None:
            self._due = self._clock() + INTERVAL

    # --- in the thread ---------------------------------------------------------------------------

    def _sync_and_grow(self, sync: Callable[[], None]) -> None:
        sync()
        with suppress(OSError):  # a small log is slower where much is written, and that is all
            self._log.grow()

    # --- for the batches -------------------------------------------------------------------------

    def append(self, records: Sequence[NewRecord]) -> bool:
        """Write records to the log. False if that failed, or the log is not used; then parts of
        them may count until `void`."""
        if not self.on:
            return False
        error = self._tried(records)
        if isinstance(error, LogFull) and self.now() is None:
            error = self._tried(records)
        if isinstance(error, OSError) and self._tried(records) is None:
            self._log_line(f"a write to the log failed, and was repeated elsewhere: {error}")
            return True
        if error is not None:
            self.fail(error)
        return error is None

    def _tried(self, records: Sequence[NewRecord]) -> OSError | LogFull | None:
        self._logged.add({base_name(os.fsdecode(record.path)) for record in records})
        self._be_due()
        try:
            self._log.append(records)
        except (OSError, LogFull) as error:
            return error
        return None

    def written(self) -> None:
        """A batch was written: begin a checkpoint if little room is left for others."""
        if self.on and self._log.is_crowded:
            self.begin()

    def void(self) -> None:
        """Have the remains of a failed write not count, as its changes have failed too."""
        if self._log.broken and not self._log.void():
            self._log_line(_UNCERTAIN)

    def cover(self) -> None:
        """Records of changes that have failed are not to count: make a checkpoint."""
        if self.now() is not None:
            self._log_line(_UNCERTAIN)

    def doubt(self, names: Collection[str]) -> None:
        """After a failed rename the disk may have either of these base names."""
        self._in_doubt.add(names)
        self._be_due()

    def is_in_doubt(self, name: str) -> bool:
        """True until a checkpoint was made after `doubt`."""
        return self._in_doubt.has((name,))

    def has(self, names: Collection[str]) -> bool:
        """True while one of these base names is in the window; any, where there are none."""
        return self._logged.has(names) or self._in_doubt.has(names)

    @property
    def next(self) -> int:
        """The number of the next checkpoint that begins."""
        return self._logged.marks + 1

    def is_made(self, number: int) -> bool:
        """True once the checkpoint with that number, or a later one, has succeeded."""
        return self._logged.dropped >= number

    def now(self) -> Exception | None:
        """Make a whole checkpoint of all that the log has now, and return why it failed."""
        if self._background.busy:
            self.end()
        self.begin()
        return self.end()

    def fail(self, error: Exception) -> None:
        """Use the log no more until a checkpoint succeeds, because of `error`. Logged once."""
        self._due = self._clock() + RETRY
        if self.on:
            self.on = False
            reason = str(error) or "it is full"
            self._log_line(f"the log is not used for now, each file is synced instead: {reason}")
