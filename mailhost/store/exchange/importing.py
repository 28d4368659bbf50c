"""Imports a Maildir or an mbox file into the folders of an account.

A folder without mail gets the messages of a Maildir with their UIDs (`adopting`). To others the
messages are added. A second import leaves out what was imported before (`journal`). The quota of
the account is not looked at.

Everything blocks, and raises OSError and sqlite3.Error.
"""

from __future__ import annotations

import mmap
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from mailhost.interfaces.folders import NewMessage, StoreRefusal
from mailhost.message.content import Content
from mailhost.store.exchange.adopting import Adoption
from mailhost.store.exchange.journal import ImportJournal, key_of, keys_in, unique_name
from mailhost.store.exchange.maildir_source import SourceFolder, open_message
from mailhost.store.exchange.mbox import MboxMessage, Quoting, read, split
from mailhost.store.exchange.packed import CannotUnpack, unpacked
from mailhost.store.exchange.progress import Result, Rights, TransferProgress
from mailhost.store.folders import tree
from mailhost.store.folders.account_work import AccountWork
from mailhost.store.folders.adding import add
from mailhost.store.folders.file_names import all_names
from mailhost.store.folders.refresh import refreshed
from mailhost.store.folders.special_use import SpecialUses
from mailhost.store.maildir.folder import make_maildir
from mailhost.store.maildir.folder_names import UnfitName, directory_of, usual_uses
from mailhost.store.maildir.scan import as_sent
from mailhost.store.maildir.subscriptions import SubscriptionsFile
from mailhost.store.maildir.uid_validity import raise_mark

AT_ONCE = 100  # messages that are added at once


@dataclass(frozen=True, slots=True)
class ImportedMessage:
    """A message to be added, with its key; `load` reads it, and raises CannotUnpack."""

    key: str
    load: Callable[[], NewMessage]


class Import:
    """`reading` gives the rights to read the source."""

    def __init__(self, work: AccountWork, reading: Rights, progress: TransferProgress) -> None:
        self._work = work
        self._reading = reading
        self._progress = progress
        self._journal = ImportJournal(work.root, work.disk.system)

    # --- from a Maildir --------------------------------------------------------------------------

    def maildir_folder(self, source: SourceFolder, name: str) -> Result | StoreRefusal:
        """Import a folder of a Maildir into the folder `name`, made where it is missing."""
        place = tree.found_or_made(self._work, name)
        if isinstance(place, StoreRefusal):
            return place
        self._progress.begin(name, len(source.files))
        make_maildir(self._work.path_of(place.path))  # also one that was half made
        adoption = Adoption(self._work, source, place.path)
        if adoption.is_possible() and not self._knows_any(source):
            faults = adoption.run(self._reading, self._progress)
            if faults is not None:
                read_ones = source.files.keys() - faults.keys()
                self._journal.add(_key(source, base) for base in read_ones)
                assert source.uid_list is not None
                validity = source.uid_list.header.uid_validity
                raise_mark(self._work.disk.system, self._work.root, validity)
                return Result(name, len(read_ones), 0, tuple(faults.values()), True)
        known = refreshed(self._work, place.path)
        present = set(all_names(self._work, known).values())
        wanted = (base for base in sorted(source.files) if base not in present)
        return self._add(place, self._from_maildir(source, wanted), len(source.files))

    def _knows_any(self, source: SourceFolder) -> bool:
        """True where messages of it were imported before, and may have been removed since."""
        return any(_key(source, base) in self._journal for base in source.files)

    def _from_maildir(
        self, source: SourceFolder, bases: Iterator[str]
    ) -> Iterator[ImportedMessage]:
        for base in bases:
            yield ImportedMessage(_key(source, base), partial(self._loaded, source, base))

    def _loaded(self, source: SourceFolder, base: str) -> NewMessage:
        with self._reading():
            name, content, date = open_message(source, base)
        temporary = os.path.join(self._work.root, "tmp")
        letters = name.rpartition(":2,")[2].partition(",")[0] if ":" in name else ""
        flags = source.keywords.flags(letters)
        whole = as_sent(unpacked(content, temporary), name, temporary)
        return NewMessage(whole, tuple(flags), date)

    def subscriptions(self, names: Sequence[str]) -> None:
        """Subscribe to folders, as far as a folder can have these names."""
        disk = self._work.disk
        fit = [name for name in names if not isinstance(directory_of(name), UnfitName)]
        SubscriptionsFile(self._work.root, disk.system, disk.dotlocks).change(add=fit)

    def special_uses(self, names: Sequence[str]) -> None:
        """Give special uses to imported folders with usual names (`Sent Messages`), where the
        folder that has the use is empty and was not imported."""
        uses = SpecialUses(self._work)
        paths = tree.directories(self._work)
        holders = {use: name for name, use in uses.of(paths).items()}
        for name, use in usual_uses(names).items():
            holder = holders.get(use)
            if holder in names or holder is None or name not in paths:
                continue
            if not refreshed(self._work, paths[holder]).row.messages:
                uses.give(use, name)

    # --- from mbox files -------------------------------------------------------------------------

    def mbox_file(self, fd: int, name: str, quoting: Quoting) -> Result | StoreRefusal:
        """Import the mbox file that is open into the folder `name`. Raises NoMbox."""
        place = tree.found_or_made(self._work, name)
        if isinstance(place, StoreRefusal):
            return place
        if not os.fstat(fd).st_size:
            return Result(name, 0, 0)
        with mmap.mmap(fd, 0, access=mmap.ACCESS_READ) as file:
            total = sum(1 for _ in split(file))
            self._progress.begin(name, total)
            return self._add(place, self._from_mbox(split(file), name, quoting), total)

    def _from_mbox(
        self, messages: Iterator[MboxMessage], name: str, quoting: Quoting
    ) -> Iterator[ImportedMessage]:
        seen: Counter[str] = Counter()
        for message in messages:
            parts = (b"mbox", name.encode(), message.from_line, message.raw)
            key = key_of(*parts)
            seen[key] += 1
            if seen[key] > 1:  # the same message a second time
                key = key_of(*parts, b"%d" % seen[key])
            yield ImportedMessage(key, partial(_from_text, message, quoting))

    # --- adding ----------------------------------------------------------------------------------

    def _add(self, place: tree.Place, messages: Iterator[ImportedMessage], total: int) -> Result:
        known = refreshed(self._work, place.path)
        present = keys_in(all_names(self._work, known).values())
        new = (
            each for each in messages if each.key not in self._journal and each.key not in present
        )
        moved, faults = 0, []
        while some := list(islice(new, AT_ONCE)):
            count, bad = self._add_some(place, some)
            moved += count
            faults += bad
            self._progress.advance(len(some))
        self._progress.advance(total - moved - len(faults))
        return Result(place.name, moved, total - moved - len(faults), tuple(faults))

    def _add_some(
        self, place: tree.Place, some: Sequence[ImportedMessage]
    ) -> tuple[int, list[str]]:
        loaded, uniques, keys, faults = [], [], [], []
        now = int(self._work.disk.now())
        for each in some:
            try:
                message = each.load()
            except (CannotUnpack, OSError) as error:
                faults.append(f"{each.key}: {error}")
                continue
            date = now if message.date is None else message.date
            loaded.append(message)
            keys.append(each.key)
            uniques.append(unique_name(each.key, date, self._work.disk.hostname))
        if loaded:
            add(self._work, place.path, loaded, uniques)
        self._journal.add(keys)
        return len(loaded), faults


def _key(source: SourceFolder, base: str) -> str:
    return key_of(b"maildir", source.name.encode("utf-8", "surrogateescape"), os.fsencode(base))


def _from_text(message: MboxMessage, quoting: Quoting) -> NewMessage:
    found = read(message, quoting)
    return NewMessage(Content((found.text,)), found.flags, found.date)
