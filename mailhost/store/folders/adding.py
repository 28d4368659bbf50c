"""Adds messages to a folder (APPEND), safe on the disk before their UIDs are told.

The UID is written to the UID list before the file gets its name: where the process dies in between,
the list has a UID without a message, and the UID is never given again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
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


def add(work: AccountWork, folder: str, messages: Sequence[NewMessage]) -> Added:
    """See IFolder.add. Raises OSError, sqlite3.Error: then none was added."""
    path = work.path_of(folder)
    made: list[str] = []
    with removed_on_failure(made), work.transaction():
        known = refreshed_locked(work, folder)
        flags = []
        for message in messages:
            bits, keywords = flag_bits(work, known, message.flags, True)
            known = KnownFolder(replace(known.row, keywords=keywords), known.pages)
            flags.append(bits)
        names = [
            sized_name(maildir_name(work.disk.hostname, work.disk.now()), message.content.size)
            for message in messages
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
        errors = work.disk.commit(changes)
        made += [c.final for c, error in zip(changes, errors, strict=True) if error is None]
        fault = next(filter(None, errors), None)
        if fault is not None:
            raise fault
        known = _entered(work, known, numbered, messages, flags)
    return Added(known.row.uid_validity, [uid for uid, _ in numbered])


@contextmanager
def removed_on_failure(made: Sequence[str]) -> Iterator[None]:
    """Remove these files if the block fails, also where the cache cannot be committed: the client
    is told that no message was added, and sends it again."""
    try:
        yield
    except BaseException:
        for path in made:
            with suppress(FileNotFoundError):
                os.unlink(path)
        raise


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
