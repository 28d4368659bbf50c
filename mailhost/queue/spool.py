"""The queue's folder: entries written, states replaced, entries removed, all through a committer.

    DATA/queue/<id>.msg     an entry and its content; written once
    DATA/queue/<id>.state   what has happened since; replaced whole
    DATA/queue/*.tmp        a file being written; what a dead process left is removed at start

Removing takes the message first and its state afterwards: a crash between the two leaves a state
without a message, which is removed at start. A file that cannot be understood is returned as
`UnreadableEntry` and left alone. One process at a time reads a folder; others may write new entries
to it.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias, TypeVar

from mailhost.concurrency.threads import InThread
from mailhost.interfaces.changes import NewFile, RemovedFile
from mailhost.interfaces.store import ICommitter
from mailhost.message.content import Content, content_of_file
from mailhost.message.ids import new_id
from mailhost.message.status import LOCAL_ERROR, NO_STORAGE, OK, Status
from mailhost.queue.entry import (
    ENCODED_AT_ONCE,
    Entry,
    EntryState,
    Unreadable,
    decode_entry,
    decode_state,
    encode_state,
    first_state,
)

T = TypeVar("T")

LONGEST_ENTRY_LINE = 64 << 20  # octets; about 60,000 recipients with everything they can carry
ENTRIES_READ_AT_ONCE = 200  # entries read in one visit to the disk
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


@dataclass(frozen=True, slots=True)
class FoundEntry:
    """An entry read at start. `damage` says what is wrong with its state; it is parked then."""

    entry: Entry
    state: EntryState
    has_state: bool
    damage: str = ""


@dataclass(frozen=True, slots=True)
class UnreadableEntry:
    """A message file that cannot be read, and why. It stays where it is. `passing`: the system
    could not read it or its state now; it may be whole."""

    id: str
    reason: str
    passing: bool = False


ReadingResult: TypeAlias = FoundEntry | UnreadableEntry


class Spool:
    """Reads and writes the folder. It keeps no entry in memory; its caller does."""

    def __init__(self, folder: str, committer: ICommitter, in_thread: InThread) -> None:
        self._folder = folder
        self._committer = committer
        self._in_thread = in_thread
        self._token = new_id()
        self._numbers = itertools.count()
        self._given: set[str] | None = set()  # ids of this process, until the scan has ended

    # --- names ---------------------------------------------------------------------------------

    def name(self, identity: str, taken: Callable[[str], bool]) -> str:
        """Return an id for a new entry: the message's identity where it can be, else a new one."""
        fit = _ID.fullmatch(identity) is not None and not taken(identity)
        if self._given is not None:
            fit = fit and not os.path.lexists(self.message_path(identity))
        id = identity if fit else new_id()
        if self._given is not None:
            self._given.add(id)
        return id

    def message_path(self, id: str) -> str:
        """Where an entry's message lies."""
        return _message_path(self._folder, id)

    def state_path(self, id: str) -> str:
        """Where an entry's state lies, once it has any."""
        return _state_path(self._folder, id)

    def _new(self, path: str, *contents: Content, replaces: bool = False) -> NewFile:
        temporary = f"{path}.{self._token}.{next(self._numbers)}.tmp"
        return NewFile(temporary, path, contents, replaces)

    # --- writing -------------------------------------------------------------------------------

    async def write(
        self, entry: Entry, line: bytes, state: EntryState | None, content: Content
    ) -> Status:
        """Make a new entry durable, as `laid_out`. 250 2.0.0, 452 4.3.1 for a full disk, 451 4.3.0.

        A state that could not be written with it does no harm: the entry is tried sooner.
        """
        changes = [self._new(self.message_path(entry.id), Content((line,)), content)]
        if state is not None:
            changes.append(await self._new_state(entry.id, state))
        results = await self._committer.commit(changes)
        if results[0] is None:
            return OK
        if state is not None and results[1] is None:
            await self._committer.commit([RemovedFile(self.state_path(entry.id))])
        full = results[0].errno in (errno.ENOSPC, errno.EDQUOT)
        return (NO_STORAGE if full else LOCAL_ERROR).because(f"the queue: {results[0]}")

    async def settle(self, id: str, state: EntryState) -> OSError | None:
        """Make a new state durable. After an error the old or the new one is there."""
        return await self._one(await self._new_state(id, state))

    async def remove(self, id: str, has_state: bool) -> OSError | None:
        """Forget an entry for good."""
        error = await self._one(RemovedFile(self.message_path(id)))
        if error is None and has_state:
            await self._one(RemovedFile(self.state_path(id)))  # else removed at the next start
        return error

    async def worked(self, recipients: Sequence[object], work: Callable[[], T]) -> T:
        """Return what `work` makes of recipients: in a thread where they are many."""
        return work() if len(recipients) <= ENCODED_AT_ONCE else await self._in_thread(work)

    async def _new_state(self, id: str, state: EntryState) -> NewFile:
        octets = await self.worked(state.recipients, lambda: encode_state(state))
        return self._new(self.state_path(id), Content((octets,)), replaces=True)

    async def _one(self, change: NewFile | RemovedFile) -> OSError | None:
        return (await self._committer.commit([change]))[0]

    # --- reading -------------------------------------------------------------------------------

    def open(self, entry: Entry) -> Awaitable[Content]:
        """Return an entry's content. Raises OSError."""
        path = self.message_path(entry.id)
        return self._in_thread(lambda: content_of_file(path, entry.offset))

    def header(self, entry: Entry) -> Awaitable[bytes]:
        """Return the message's header section. Raises OSError."""
        path = self.message_path(entry.id)
        return self._in_thread(lambda: content_of_file(path, entry.offset).header())

    async def header_of(self, content: Content) -> bytes:
        """Return the header section of a message that is to be written; empty where it cannot be
        read, as it then cannot be written either."""
        if content.in_memory:
            return content.header()
        try:
            return await self._in_thread(content.header)
        except OSError:
            return b""

    def read(self, id: str) -> Awaitable[ReadingResult | None]:
        """Read one entry again, None where there is none."""
        return self._in_thread(partial(read_entry, self._folder, id))

    async def ids(self) -> list[str]:
        """Return the ids of all messages that lie here now. Raises OSError."""
        names = await self._in_thread(self._listed)
        return sorted(name.removesuffix(".msg") for name in names if name.endswith(".msg"))

    async def scan(self, take: Callable[[Sequence[ReadingResult]], None]) -> None:
        """Hand everything that lay here at start to `take`, oldest names first, some at a time.

        Entries written since the spool was made are not among it. Raises OSError.
        """
        names = await self._in_thread(self._tidy)
        while batch := list(itertools.islice(names, ENTRIES_READ_AT_ONCE)):
            take(await self._in_thread(partial(self._read, batch)))
        self._given = None

    def _tidy(self) -> Iterator[str]:
        """Remove what a dead process left behind, and return the ids of all messages."""
        messages: list[str] = []
        states: list[str] = []
        for name in self._listed():
            id, _, kind = name.partition(".")
            if kind == "msg":
                messages.append(id)
            elif kind == "state":
                states.append(id)
            elif kind.endswith(".tmp") and self._token not in kind:
                self._discard(name)
        known = set(messages)
        for id in states:
            if id not in known and not self._ours(id):
                self._discard(f"{id}.state")
        return iter(sorted(messages))

    def _listed(self) -> list[str]:
        try:
            return os.listdir(self._folder)
        except FileNotFoundError:
            return []

    def _discard(self, name: str) -> None:
        with suppress(OSError):  # it is looked at again at the next start
            os.unlink(os.path.join(self._folder, name))

    def _ours(self, id: str) -> bool:
        return self._given is not None and id in self._given

    def _read(self, ids: Sequence[str]) -> list[ReadingResult]:
        results = (read_entry(self._folder, id) for id in ids if not self._ours(id))
        return [result for result in results if result is not None]


def _message_path(folder: str, id: str) -> str:
    return os.path.join(folder, f"{id}.msg")


def _state_path(folder: str, id: str) -> str:
    return os.path.join(folder, f"{id}.state")


def read_entry(folder: str, id: str) -> ReadingResult | None:
    """Read one entry of a queue's folder, None where there is none. Changes nothing, and blocks for
    the disk."""
    try:
        return _read_state(folder, _read_message(folder, id))
    except FileNotFoundError:
        return None
    except Unreadable as error:
        return UnreadableEntry(id, str(error))
    except OSError as error:
        return UnreadableEntry(id, str(error), passing=True)


def _read_message(folder: str, id: str) -> Entry:
    with open(_message_path(folder, id), "rb") as file:
        line = file.readline(LONGEST_ENTRY_LINE)
        return decode_entry(line, id, os.fstat(file.fileno()).st_size)


def _read_state(folder: str, entry: Entry) -> FoundEntry:
    """Read the state. A damaged one parks its entry, as it is unknown which recipients already have
    the message. Raises OSError."""
    cache = first_state(entry)
    try:
        with open(_state_path(folder, entry.id), "rb") as file:
            return FoundEntry(entry, decode_state(file.read(LONGEST_ENTRY_LINE), entry), True)
    except FileNotFoundError:
        return FoundEntry(entry, cache, False)
    except Unreadable as error:
        return FoundEntry(entry, replace(cache, parked=str(error)), True, damage=str(error))
