"""Keeps the memory of TLS in the file `tls-seen` of the data folder.

The file is read at the start and written every ten minutes if the memory has changed, and at the
stop. It is a help only: without it, or after a fault, the memory begins empty.
"""

from __future__ import annotations

import os
from functools import partial
from itertools import count

from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mailhost.concurrency.rounds import Rounds
from mailhost.concurrency.threads import InThread
from mailhost.interfaces.changes import NewFile
from mailhost.interfaces.events import Faulted, IEventSink
from mailhost.interfaces.store import ICommitter
from mailhost.message.content import Content
from mailhost.relay.tls.memory import MOST_HOSTS, TLSMemory, read, written

PERIOD = 600.0  # seconds between two writings
NAME = "tls-seen"
LARGEST_FILE = MOST_HOSTS * 300  # octets


class TLSMemoryFile:
    """The file of a memory in the data folder `folder`."""

    def __init__(
        self,
        clock: IReactorTime,
        in_thread: InThread,
        committer: ICommitter,
        folder: str,
        memory: TLSMemory,
        events: IEventSink,
    ) -> None:
        self._in_thread = in_thread
        self._committer = committer
        self._path = os.path.join(folder, NAME)
        self._memory = memory
        self._events = events
        self._numbers = count()
        self._rounds = Rounds(clock, PERIOD, self.write, self._log_failure)

    def start(self) -> None:
        """Read the file: blocks. Write it from time to time."""
        try:
            with open(self._path, "rb") as file:
                self._memory.take(read(file.read(LARGEST_FILE)))
        except FileNotFoundError:
            pass
        except OSError as error:
            self._fault(f"cannot be read, so the memory of TLS begins empty: {error}")
        self._rounds.start(now=False)

    async def stop(self) -> None:
        """Write the last changes."""
        self._rounds.stop()
        await self.write()

    async def write(self) -> None:
        """Write the memory if it has changed. A failure is logged, and the next time may do."""
        if not self._memory.changed:
            return
        known = self._memory.everything()
        text = await self._in_thread(partial(written, known))
        temporary = f"{self._path}.{os.getpid()}.{next(self._numbers)}.tmp"
        file = NewFile(temporary, self._path, (Content((text,)),), replaces=True)
        [error] = await self._committer.commit([file])
        if error is not None:
            self._memory.changed = True
            self._fault(f"cannot be written now: {error}")

    def _log_failure(self, failure: Failure) -> None:
        self._fault(f"cannot be written now: {failure.getErrorMessage()}")

    def _fault(self, text: str) -> None:
        self._events.emit(Faulted("relay", f"{self._path} {text}"))
