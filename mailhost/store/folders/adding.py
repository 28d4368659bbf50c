"""Adds messages to a folder (APPEND), safe on the disk before their UIDs are told.

The UID is written to the UID list before the file gets its name: where the process dies in between,
the list has a UID without a message, and the UID is never given again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from mailhost.interfaces.changes import NewFile
from mailhost.interfaces.folders import Added, NewMessage
from mailhost.message.ids import maildir_name
from mailhost.store.cache.messages import MessageRow, add_rows
from mailhost.store.cache.pages import PageMessage
from mailhost.store.folders.account_work import AccountWork, KnownFolder
from mailhost.store.folders.file_flags import info_of
from mailhost.store.folders.flag_changes import flag_bits
from mailhost.store.folders.refresh import (
    append_to_pages,
    numbered_row,
    refreshed_locked,
    settled,
    uid_source,
)
from mailhost.store.maildir.filename import sized_name


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
        uniques = [maildir_name(work.disk.hostname, work.disk.now()) for _ in messages]
    path = work.path_of(folder)
    with work.transaction():
        known = refreshed_locked(work, folder)
        flags = []
        for message in messages:
            bits, keywords = flag_bits(work, known, message.flags, True)
            known = KnownFolder(replace(known.row, keywords=keywords), known.pages)
            flags.append(bits)
        names = [
            sized_name(unique, message.content.size)
            for unique, message in zip(uniques, messages, strict=True)
        ]
        with uid_source(work, folder, known.row.place) as source:
            numbered = source.numbered(names, known.row.uid_next)
            known = KnownFolder(numbered_row(known.row, source), known.pages)
        changes = [
            NewFile(
                f"{path}/tmp/{name}",
                f"{path}/cur/{name}{info_of(bits)}",
                (message.content,),
            )
            for name, message, bits in zip(names, messages, flags, strict=True)
        ]
        _commit(work, changes)
        known = _entered(work, known, numbered, messages, flags)
    return Added(known.row.uid_validity, [uid for uid, _ in numbered])


def _commit(work: AccountWork, changes: Sequence[NewFile]) -> None:
    """Make the files, all or none. Raises OSError."""
    errors = work.disk.commit(changes)
    fault = next((error for error in errors if error is not None), None)
    if fault is not None:
        for change, error in zip(changes, errors, strict=True):
            if error is None:
                os.unlink(change.final)
        raise fault


def _entered(
    work: AccountWork,
    known: KnownFolder,
    numbered: Sequence[tuple[int, str]],
    messages: Sequence[NewMessage],
    flags: Sequence[int],
) -> KnownFolder:
    """Enter new messages into the cache, and set the dates of their files."""
    now = int(work.disk.now())
    row = replace(known.row, modseq=work.next_modseq())
    pages = dict(known.pages)
    entries, rows = [], []
    cur = os.path.join(work.path_of(row.path), "cur")
    for (uid, base), message, bits in zip(numbered, messages, flags, strict=True):
        date = now if message.date is None else message.date
        if message.date is not None:
            os.utime(os.path.join(cur, base + info_of(bits)), (date, date))
        entries.append(PageMessage(uid, bits, row.modseq, message.content.size, date))
        rows.append(MessageRow(uid, base, saved=now))
    add_rows(work.cache, row.id, rows)
    append_to_pages(work, row.id, pages, entries)
    return work.written(KnownFolder(settled(work, row), pages))
