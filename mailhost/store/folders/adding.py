"""Adds messages to a folder (APPEND), safe on the disk before their UIDs are told.

The UID is written to the UID list before the file gets its name: where the process dies in between,
the list has a UID without a message, and the UID is never given again. The list is synced after the
files: the disk's journal has it by then, so that this sync costs little. Where the power is cut in
between, the message has a name and no UID; nobody was told one, and the next reading gives it one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from mailhost.interfaces.changes import NewFile
from mailhost.interfaces.folders import Added, NewMessage
from mailhost.store.cache.pages import Entries, add_entries
from mailhost.store.folders.account_work import AccountWork, KnownFolder
from mailhost.store.folders.file_flags import info_of
from mailhost.store.folders.flag_changes import flag_bits
from mailhost.store.folders.refresh import locked, numbered_row, settled
from mailhost.store.folders.uids import UidSource
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
            row = numbered_row(known.row, source)
            finals = [
                f"{path}/cur/{name}{info_of(bits)}" for name, bits in zip(names, flags, strict=True)
            ]
            _make_files(work, path, messages, finals)
            _sync_uids(work, source, finals)
            _set_dates(messages, finals)
            uids = {name: uid for uid, name in numbered}
            added = Added(row.uid_validity, [uids[name] for name in names])
            work.files_changed = True
        _enter(work, known.with_row(row), list(uids.items()), messages, flags)
    return added


def _make_files(
    work: AccountWork, path: str, messages: Sequence[NewMessage], finals: Sequence[str]
) -> None:
    """Make the files, all or none. Raises OSError."""
    files = [
        NewFile(f"{path}/tmp/{os.path.basename(final)}", final, (message.content,))
        for final, message in zip(finals, messages, strict=True)
    ]
    errors = work.disk.commit(files)
    fault = next((error for error in errors if error is not None), None)
    if fault is not None:
        for final, error in zip(finals, errors, strict=True):
            if error is None:
                work.disk.system.remove(final)
        raise fault


def _sync_uids(work: AccountWork, source: UidSource, finals: Sequence[str]) -> None:
    """Make the UIDs of the files durable. Raises OSError; then the files are gone again."""
    try:
        source.sync()
    except OSError:
        for final in finals:
            with suppress(FileNotFoundError):
                work.disk.system.remove(final)
        raise


def _set_dates(messages: Sequence[NewMessage], finals: Sequence[str]) -> None:
    """A file's mtime is INTERNALDATE. It is not synced: after a power cut it may be the time of the
    addition."""
    for message, final in zip(messages, finals, strict=True):
        if message.date is not None:
            with suppress(OSError, OverflowError):  # renamed just now
                os.utime(final, (message.date, message.date))


def _enter(
    work: AccountWork,
    known: KnownFolder,
    numbered: Sequence[tuple[str, int]],
    messages: Sequence[NewMessage],
    flags: Sequence[int],
) -> None:
    """Enter new messages into the cache."""
    now = int(work.disk.now())
    row, pages = replace(known.row, modseq=work.next_modseq()), dict(known.pages)
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
