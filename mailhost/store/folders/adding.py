"""Adds messages to a folder (APPEND), safe on the disk before their UIDs are told.

The UID is written to the UID list before the file gets its name: where the process dies in between,
the list has a UID without a message, and the UID is never given again. The list is synced after the
files have their names: the sync of the files has committed its new size. Where the power is cut
before, the message may have a name and no UID; no client was told one, and the next reading gives
it one.

A file's mtime is INTERNALDATE; it is set before the file is synced.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from mailhost.interfaces.changes import NewFile, WrittenFile
from mailhost.interfaces.folders import Added, NewMessage
from mailhost.store.cache.pages import Entries, add_entries
from mailhost.store.folders.account_work import AccountWork, KnownFolder
from mailhost.store.folders.file_flags import info_of
from mailhost.store.folders.flag_changes import flag_bits
from mailhost.store.folders.refresh import locked, numbered_row, settled
from mailhost.store.maildir.filename import new_unique, sized_name


def add(
    work: AccountWork,
    folder: str,
    messages: Sequence[NewMessage],
    uniques: Sequence[str] | None = None,
) -> Added:
    """See IFolder.add. `uniques` are the unique parts of the names of files, which no message of
    the account has; without them new ones are made. Raises OSError, sqlite3.Error: then none was
    added."""
    if uniques is None:
        uniques = [new_unique(work.disk.hostname, work.disk.now()) for _ in messages]
    path = work.path_of(folder)
    names = [
        sized_name(unique, message.content.size)
        for unique, message in zip(uniques, messages, strict=True)
    ]
    with work.transaction():
        with locked(work, folder) as (known, source):
            flags = []
            for message in messages:
                bits, known = flag_bits(known, message.flags, source)
                flags.append(bits)
            numbered = source.numbered(names, known.row.uid_next, sync=False)
            finals = [
                f"{path}/cur/{name}{info_of(bits)}" for name, bits in zip(names, flags, strict=True)
            ]
            _make_files(work, path, messages, finals, source.path)
            uids = {name: uid for uid, name in numbered}
            added = Added(known.row.uid_validity, [uids[name] for name in names])
            work.files_changed = True
        row = numbered_row(known.row, source, work.next_modseq())
        _enter(work, KnownFolder(row, dict(known.pages)), list(uids.items()), messages, flags)
    return added


def _make_files(
    work: AccountWork,
    path: str,
    messages: Sequence[NewMessage],
    finals: Sequence[str],
    uid_list: str,
) -> None:
    """Make the files, all or none, and the UIDs in the file `uid_list` durable. Raises OSError."""
    files = [
        NewFile(
            f"{path}/tmp/{os.path.basename(final)}",
            final,
            (message.content,),
            modified=message.date,
        )
        for final, message in zip(finals, messages, strict=True)
    ]
    *errors, listed = work.disk.commit([*files, WrittenFile(uid_list)])
    fault = next((error for error in (*errors, listed) if error is not None), None)
    if fault is not None:
        for final, error in zip(finals, errors, strict=True):
            if error is None:
                work.disk.system.remove(final)
        raise fault


def _enter(
    work: AccountWork,
    known: KnownFolder,
    numbered: Sequence[tuple[str, int]],
    messages: Sequence[NewMessage],
    flags: Sequence[int],
) -> None:
    """Enter new messages into the cache. `known` has the row with their MODSEQ; its pages are
    changed."""
    now = int(work.disk.now())
    row, pages = known.row, known.pages
    order = sorted(range(len(messages)), key=lambda index: numbered[index][1])
    entries = Entries(
        [numbered[index][1] for index in order],
        [numbered[index][0] for index in order],
        [flags[index] for index in order],
        [messages[index].content.size for index in order],
        [_date(messages[index], now) for index in order],
    )
    add_entries(work.cache, row.id, pages, entries, row.modseq, now)
    work.written(KnownFolder(settled(work, row), pages))


def _date(message: NewMessage, now: int) -> int:
    return now if message.date is None else message.date
