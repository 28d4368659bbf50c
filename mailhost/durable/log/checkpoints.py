"""Checkpoints: what the log has is made durable in the file system too, beside the batches.

A checkpoint takes the position where the log ends, syncs the file system in a thread, and then
writes a CHECKPOINT record with that position. Until this record is safe nothing of the log is free,
and no name leaves the window.

If a write to the log failed, the log is not used until a checkpoint into another segment succeeds:
that covers whatever the failed write has left. If a sync of the file system fails, the kernel may
have dropped what it could not write, and a second sync would succeed without it. So the log is not
used until its files were compared with their records (`repair`), and written again where the disk
has lost them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

from mailhost.durable.log.log import Log, LogFull
from mailhost.durable.log.window import Window

INTERVAL = 1.0  # seconds from the first record to the next checkpoint
RETRY = 10.0  # seconds between two attempts to use the log again


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
        self._window = Window()
        self._due: float | None = None  # when a checkpoint is to begin
        self._segment = log.end.segment  # the segment in use at the last checkpoint
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
        self._segment = self._at.segment
        self._window.mark()
        self._background.start(self._repair if self._sync_failed else self._sync)

    def end(self) -> Exception | None:
        """Wait for the checkpoint under way, and return why it failed."""
        error = self._background.end()
        if error is not None:
            self._sync_failed = True
        else:
            self._sync_failed = False
            try:
                self._note()
            except (OSError, LogFull) as fault:
                error = fault
        if error is not None:
            self.fail(error)
        elif not self.on and not self._log.broken:
            self.on = True
            self._log_line("the log is used again")
        return error

    def _note(self) -> None:
        """Write the CHECKPOINT record, and forget what it covers. Raises OSError, LogFull."""
        if self.on and not self._log.broken:
            self._log.checkpoint(self._at)
        elif self._window.grew:  # before it broke: these records need a checkpoint of their own
            self._due = self._clock()
            return
        else:
            self._log.restart()
        self._window.drop()
        if self._window.grew and self._due is None:
            self._due = self._clock() + INTERVAL

    # --- for the batches -------------------------------------------------------------------------

    def add(self, names: Collection[str]) -> None:
        """Records with these base names are about to be written."""
        self._window.add(names)
        if self._due is None:
            self._due = self._clock() + INTERVAL

    def written(self) -> None:
        """Records were written: begin a checkpoint when a segment is full."""
        if self._log.end.segment != self._segment:
            self.begin()

    def has(self, names: Collection[str]) -> bool:
        """True while one of these base names is in the window; any, where there are none."""
        return self._window.has(names)

    @property
    def next(self) -> int:
        """The number of the next checkpoint that begins."""
        return self._window.marks + 1

    def is_made(self, number: int) -> bool:
        """True once the checkpoint with that number, or a later one, has succeeded."""
        return self._window.dropped >= number

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
