"""The log as the writer's loop uses it: batches, checkpoints, and requests to settle names.

The log is made ready in a thread, as a new one is written full of zeros first. Until then, and
while the log cannot be used, each file is synced.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

from mailhost.durable.batch import Batch
from mailhost.durable.log.checkpoints import RETRY, Checkpoints, IBackground
from mailhost.durable.log.log import FOLDER, Log
from mailhost.durable.log.logged import LoggedBatches
from mailhost.durable.log.names import IN_DOUBT
from mailhost.durable.log.recovery import begin, is_empty, repair
from mailhost.durable.log.segments import SEGMENT, BadLog, segment_files
from mailhost.durable.log.settled import settled_batch
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.changes import Change

Answer = Callable[[OSError | None], None]


@dataclass(frozen=True, slots=True)
class _Request:
    """A request to settle `names`. One for all files is settled by the checkpoint number
    `checkpoint` too: while the host is busy, the window is never empty."""

    names: Collection[str]
    checkpoint: int
    answer: Answer


class WriterLog:
    """`data` is the path of the data folder, `log_line` logs a line, `clock` returns seconds.
    `durable_names` is that of Batch. `segment` is the size of a segment in octets."""

    def __init__(
        self,
        system: OperatingSystem,
        data: str,
        durable_names: set[str],
        background: IBackground,
        log_line: Callable[[str], None],
        clock: Callable[[], float],
        segment: int = SEGMENT,
    ) -> None:
        self._system = system
        self._data = data
        self._durable_names = durable_names
        self._background = background
        self._log_line = log_line
        self._clock = clock
        self._segment = segment
        self._log: Log | None = None
        self._found: Log | None = None  # by the thread that makes the log ready
        self._fd = -1  # of the data folder: errors of the file system since the start are its
        self._checkpoints: Checkpoints | None = None
        self._batches: LoggedBatches | None = None
        self._retry = clock()  # when the log is made ready
        self._has_failed = False
        self._waiting: list[_Request] = []

    @property
    def on(self) -> bool:
        """True while changes go to the log."""
        return self._checkpoints is not None and self._checkpoints.on

    # --- for the loop ----------------------------------------------------------------------------

    @property
    def wait(self) -> float | None:
        """Seconds until `turn` has something to do, None for never."""
        if self._background.busy:
            return None
        if self._checkpoints is None:
            return max(self._retry - self._clock(), 0.0)
        return self._checkpoints.wait

    def turn(self) -> None:
        """Do what is due."""
        if self.wait != 0.0:
            return
        if self._checkpoints is None:
            self._background.start(self._begin)
        else:
            self._checkpoints.turn()

    def end(self) -> None:
        """The work in the background has ended."""
        if self._checkpoints is None:
            error = self._background.end()
            self._begun(error)
        else:
            error = self._checkpoints.end()
        self._answer_waiting(error)

    def settle(self, names: Collection[str], answer: Answer) -> None:
        """Call `answer` once the log is settled for files with these base names, see Settle."""
        checkpoints = self._checkpoints
        if checkpoints is not None:
            self._doubt(names)
            if not checkpoints.has(names):
                answer(None)
                return
        number = 0 if checkpoints is None else checkpoints.next
        self._waiting.append(_Request(names, number, answer))
        if not self._background.busy:
            self._work()

    def stop(self) -> None:
        """Make a last checkpoint, and close the log."""
        if self._background.busy:
            self.end()
        if self._checkpoints is not None and self._checkpoints.has(()):
            self._checkpoints.now()
        if self._log is not None:
            self._log.close()
            self._system.close(self._fd)

    # --- batches ---------------------------------------------------------------------------------

    def run(self, changes: Sequence[Change]) -> list[OSError | None]:
        """Make a batch of changes. Return one result for each, None for one that is safe."""
        if self._batches is not None:
            results = self._batches.run(changes)
            if self._waiting and not self._background.busy:  # the batch made a checkpoint itself
                self._answer_waiting(None)
            return results
        return settled_batch(self._settle_now, self._run_batch, changes)

    def _run_batch(self, changes: Sequence[Change]) -> list[OSError | None]:
        return Batch(self._system, changes, self._durable_names).run()

    def _settle_now(self, names: Collection[str]) -> None:
        """See Settle. There is no log yet. One that could not be begun may seem to be empty, by
        what the failed write has left in the memory of the kernel."""
        segments = segment_files(self._system, os.path.join(self._data, FOLDER))
        try:
            if not segments or (not self._has_failed and is_empty(self._system, self._data)):
                return
        except BadLog as bad:
            raise OSError(str(bad)) from bad
        raise OSError("the log that the last writer left is not settled yet")

    # --- the beginning ---------------------------------------------------------------------------

    def _begin(self) -> None:
        self._found = begin(self._system, self._data, self._segment)

    def _begun(self, error: Exception | None) -> None:
        if error is not None:
            self._retry = self._clock() + RETRY
            if not self._has_failed:
                self._has_failed = True
                self._log_line(f"the log cannot be used, each file is synced instead: {error}")
            return
        assert self._found is not None
        self._log = log = self._found
        self._fd = self._system.open_folder(self._data)
        self._checkpoints = Checkpoints(
            log,
            self._background,
            partial(self._system.sync_file_system, self._fd),
            lambda: repair(self._system, self._data, log.end),
            self._clock,
            self._log_line,
        )
        self._batches = LoggedBatches(
            self._system, self._data, log, self._checkpoints, self._durable_names
        )
        for each in self._waiting:  # they may have come after the sync
            self._doubt(each.names)

    # --- settling --------------------------------------------------------------------------------

    def _doubt(self, names: Collection[str]) -> None:
        if self._checkpoints is not None and IN_DOUBT in names:
            self._checkpoints.doubt(names)

    def _work(self) -> None:
        if self._checkpoints is None:
            self._background.start(self._begin)
        else:
            self._checkpoints.begin()

    def _answer_waiting(self, error: Exception | None) -> None:
        """Answer the requests that are settled, or cannot be; begin again for the others."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if error is not None:
                each.answer(self._fault(each.names, error))
            elif self._is_settled(each):
                each.answer(None)
            else:
                self._waiting.append(each)
        if self._waiting and not self._background.busy:
            self._work()

    def _is_settled(self, request: _Request) -> bool:
        if self._checkpoints is None:
            return True
        made = not request.names and self._checkpoints.is_made(request.checkpoint)
        return made or not self._checkpoints.has(request.names)

    def _fault(self, names: Collection[str], error: Exception) -> OSError | None:
        if self._checkpoints is not None:
            settled = not self._checkpoints.has(names)
        else:
            try:
                self._settle_now(names)
            except OSError as fault:
                return fault
            settled = True
        return None if settled else OSError(f"the log cannot be settled: {error}")
