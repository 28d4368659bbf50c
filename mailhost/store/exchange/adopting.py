"""Copies a folder of another Maildir with its UIDs, UIDVALIDITY, flags and keywords into a folder
that has no mail yet.

The files are copied to `mailhost-import/` in the account's Maildir first. When all are there, they
get their places in the folder within one transaction; the UID list comes last. So a copy that was
ended in between goes on where it was, and no reader sees UIDs that change. A folder whose UID list
has the UIDVALIDITY and the GUID of the source was adopted before.

Everything blocks, and raises OSError and sqlite3.Error.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence, Set
from contextlib import suppress
from dataclasses import replace

from mailhost.interfaces.changes import NewFile
from mailhost.store.cache.folder_row import folder_row, remove_folder
from mailhost.store.exchange.maildir_source import SourceFolder, open_message
from mailhost.store.exchange.packed import CannotUnpack, unpacked
from mailhost.store.exchange.progress import Rights, TransferProgress
from mailhost.store.folders.account_work import AccountWork
from mailhost.store.folders.refresh import refreshed
from mailhost.store.maildir import keywords, uid_list_file
from mailhost.store.maildir.filename import new_unique
from mailhost.store.maildir.flags import base_of
from mailhost.store.maildir.uid_list import UidList
from mailhost.store.maildir.uid_list_file import UidListFile
from mailhost.store.maildir.uid_validity import new_guid
from mailhost.store.maildir.whole_file import replace_file

STAGE = "mailhost-import"
AT_ONCE = 100  # messages that are copied at once
TOUCH_EACH = 1000  # files that get their places between two touches of the lock


class Adoption:
    """The copy of one folder to the directory `path` below the account's Maildir, which exists."""

    def __init__(self, work: AccountWork, source: SourceFolder, path: str) -> None:
        self._work = work
        self._source = source
        self._path = path
        self._stage = os.path.join(work.root, STAGE, path or "INBOX")
        self._cur = os.path.join(work.path_of(path), "cur")

    def is_possible(self) -> bool:
        """True where the source has UIDs, and the folder has no mail but what an earlier copy put
        there. New mail that no reader has seen yet comes behind the mail of the source."""
        uid_list = self._source.uid_list
        if uid_list is None:
            return False
        ours = self._list_file().read()
        adopted = ours is not None and _was_adopted(ours.uid_list, uid_list)
        return not adopted and self._present() <= self._source.files.keys()

    def run(self, reading: Rights, progress: TransferProgress) -> dict[str, str] | None:
        """Copy the folder; `reading` gives the rights to read the source. Returns why messages
        could not be read, by their base names; None where the folder has got other mail
        meanwhile."""
        self._work.disk.settle(())  # a removal in the log may have the name of a file that comes
        copied = self._copied()
        wanted = [base for base in self._source.files if base not in copied]
        progress.advance(len(self._source.files) - len(wanted))
        faults: dict[str, str] = {}
        for start in range(0, len(wanted), AT_ONCE):
            some = wanted[start : start + AT_ONCE]
            faults |= self._copy(some, reading)
            progress.advance(len(some))
        if not self._take_over():
            return None
        shutil.rmtree(self._stage, ignore_errors=True)
        with suppress(OSError):
            os.rmdir(os.path.dirname(self._stage))
        refreshed(self._work, self._path)
        return faults

    def _list_file(self) -> UidListFile:
        disk = self._work.disk
        return UidListFile(self._work.path_of(self._path), disk.system, disk.dotlocks)

    def _present(self) -> Set[str]:
        return set(map(base_of, _names(self._cur)))

    def _copied(self) -> Set[str]:
        """The messages that an earlier copy has brought here."""
        return self._present() | set(map(base_of, _names(os.path.join(self._stage, "cur"))))

    # --- copying ---------------------------------------------------------------------------------

    def _copy(self, bases: Sequence[str], reading: Rights) -> dict[str, str]:
        faults, opened = {}, []
        with reading():
            for base in bases:
                try:
                    opened.append((base, *open_message(self._source, base)))
                except FileNotFoundError:
                    continue  # it was removed since it was listed
                except OSError as error:
                    faults[base] = str(error)
        changes = []
        for base, name, content, date in opened:
            try:
                whole = unpacked(content, os.path.join(self._work.root, "tmp"))
            except CannotUnpack as error:
                faults[base] = f"{name}: {error}"
                continue
            final = os.path.join(self._stage, "cur", _named(name))
            temporary = new_unique(self._work.disk.hostname, self._work.disk.now())
            temporary = os.path.join(self._stage, "tmp", temporary)
            changes.append(NewFile(temporary, final, (whole,), modified=date))
        for fault in self._work.disk.commit(changes):
            if fault is not None:
                raise fault
        return faults

    # --- taking over -----------------------------------------------------------------------------

    def _take_over(self) -> bool:
        """Give the files their places. False where the folder has other mail by now."""
        work, system = self._work, self._work.disk.system
        with work.transaction() as cache, self._list_file().lock() as lock:
            if not self.is_possible():
                return False
            for number, name in enumerate(_names(os.path.join(self._stage, "cur"))):
                os.rename(os.path.join(self._stage, "cur", name), os.path.join(self._cur, name))
                if number % TOUCH_EACH == 0:
                    lock.touch()
            system.sync_folder(self._cur)
            folder = work.path_of(self._path)
            path = os.path.join(folder, keywords.NAME)
            replace_file(system, path, f"{path}.lock", self._source.keywords.text().encode())
            lock.check()
            path = os.path.join(folder, uid_list_file.NAME)
            replace_file(system, path, f"{path}.tmp", self._uid_list())
            work.files_changed = True
            row = folder_row(cache, self._path)
            if row is not None:
                remove_folder(cache, row.id)
            work.known.pop(self._path, None)
        return True

    def _uid_list(self) -> bytes:
        found = self._source.uid_list
        assert found is not None
        header = replace(found.header, guid=found.header.guid or new_guid(), version=3)
        whole = UidList(header, found.last_uid, found.lines)
        whole.uids, whole.extensions = found.uids, found.extensions
        return whole.text().encode("utf-8", "surrogateescape")


def _was_adopted(ours: UidList, source: UidList) -> bool:
    """Whether the folder with the list `ours` was adopted before. A folder that had no message and
    has another GUID was not: it has the UIDVALIDITY of the source by chance."""
    if ours.header.uid_validity != source.header.uid_validity:
        return False
    return ours.next_uid > 1 or source.header.guid in ("", ours.header.guid)


def _named(name: str) -> str:
    """Return the name of a file in cur/: one of new/ has no flags yet."""
    return name if ":" in name else f"{name}:2,"


def _names(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except FileNotFoundError:
        return []
