"""Copies and moves messages to another folder of the account (COPY, MOVE).

A copy is a second name for the file where the disk can link, else its str; a move is a new name.
The UIDs in the target are written to its UID list first. A message that moves has one of its two
names at any time, so it is never in both folders nor in neither.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailhost.interfaces.changes import CANNOT_LINK, LinkedFile, NewFile, RenamedFile
from mailhost.interfaces.folders import Copied
from mailhost.message.content import content_of_file
from mailhost.message.flags import FIRST_KEYWORD, SYSTEM_BITS
from mailhost.message.ids import maildir_name
from mailhost.store.cache.messages import MessageRow, add_rows
from mailhost.store.cache.pages import PageMessage
from mailhost.store.folders.account_work import AccountWork, KnownFolder
from mailhost.store.folders.adding import removed_on_failure
from mailhost.store.folders.file_flags import PASSED, info_of
from mailhost.store.folders.flag_changes import flag_bits
from mailhost.store.folders.refresh import (
    append_to_pages,
    numbered_row,
    refreshed_locked,
    settled,
    uid_source,
)
from mailhost.store.folders.removal import ATTEMPTS, is_fault, message_paths, without
from mailhost.store.maildir.filename import parse_name


@dataclass(frozen=True, slots=True)
class _Transferred:
    """One message on its way: `uid` in the source, and what it will be in the target."""

    uid: int
    source: str
    base: str
    flags: int
    size: int
    date: int


def copy(work: AccountWork, folder: str, uids: Sequence[int], target: str) -> Copied:
    """See IFolder.copy. `uids` rise. Raises OSError, sqlite3.Error: then nothing was copied."""
    return _transfer(work, folder, uids, target, moves=False)


def move(work: AccountWork, folder: str, uids: Sequence[int], target: str) -> Copied:
    """See IFolder.move. Raises OSError, sqlite3.Error; what had moved by then has moved."""
    return _transfer(work, folder, uids, target, moves=True)


def _transfer(
    work: AccountWork, folder: str, uids: Sequence[int], target: str, moves: bool
) -> Copied:
    made: list[str] = []  # copies
    with removed_on_failure(made), work.transaction():
        known = refreshed_locked(work, folder)
        into = refreshed_locked(work, target)
        plan, into = _plan(work, known, uids, into)
        with uid_source(work, target, into.row.place) as source:
            numbered = source.numbered([one.base for one in plan], into.row.uid_next)
            into = KnownFolder(numbered_row(into.row, source), into.pages)
        cur = os.path.join(work.path_of(target), "cur")
        names = [os.path.join(cur, one.base + info_of(one.flags)) for one in plan]
        errors = list((_moved if moves else _linked)(work, plan, names))
        for _ in range(ATTEMPTS):
            if not _again(work, known, plan, names, errors, moves):
                break
        done = [
            (one, uid)
            for one, (uid, _), error in zip(plan, numbered, errors, strict=True)
            if error is None
        ]
        fault = next((error for error in errors if is_fault(error)), None)
        if not moves:
            made += [name for name, error in zip(names, errors, strict=True) if error is None]
            if fault is not None:
                raise fault
        if folder == target and moves:
            known = into
        into = _entered(work, into, done)
        if moves:
            known = into if folder == target else known
            without(work, known, [one.uid for one, _ in done])
    if fault is not None:
        raise fault
    return Copied(into.row.uid_validity, [one.uid for one, _ in done], [uid for _, uid in done])


def _plan(
    work: AccountWork, known: KnownFolder, uids: Sequence[int], into: KnownFolder
) -> tuple[list[_Transferred], KnownFolder]:
    """Return what is to be transferred; the target gets the keywords that it lacks."""
    view, plan = known.view, []
    paths = message_paths(work, known, uids)
    translated: dict[int, int] = {}
    for uid in uids:
        index = view.index_of(uid)
        if index is None or uid not in paths:
            continue
        flags = view.flags[index]
        if flags not in translated:
            names = [
                name
                for number, name in enumerate(known.row.keywords)
                if name and flags >> FIRST_KEYWORD + number & 1
            ]
            bits, keywords = flag_bits(work, into, names, True)
            into = KnownFolder(replace(into.row, keywords=keywords), into.pages)
            translated[flags] = flags & (SYSTEM_BITS | PASSED) | bits
        plan.append(
            _Transferred(
                uid,
                paths[uid],
                _new_base(work, paths[uid]),
                translated[flags],
                view.sizes[index],
                view.dates[index],
            )
        )
    return plan, into


def _new_base(work: AccountWork, path: str) -> str:
    """Return a new name that tells the same sizes."""
    unique = maildir_name(work.disk.hostname, work.disk.now())
    name = parse_name(os.path.basename(path))
    fields = f",{name.fields}" if name is not None and name.fields else ""
    return unique + fields


def _again(
    work: AccountWork,
    known: KnownFolder,
    plan: Sequence[_Transferred],
    names: Sequence[str],
    errors: list[OSError | None],
    moves: bool,
) -> bool:
    """Look again for the files that were not found, as another program may have renamed them.
    False where there is none."""
    lost = [place for place, error in enumerate(errors) if isinstance(error, FileNotFoundError)]
    if not lost:
        return False
    paths = message_paths(work, known, [plan[place].uid for place in lost])
    places = [place for place in lost if plan[place].uid in paths]
    some = [replace(plan[place], source=paths[plan[place].uid]) for place in places]
    done = (_moved if moves else _linked)(work, some, [names[place] for place in places])
    for place, error in zip(places, done, strict=True):
        errors[place] = error
    return bool(places)


def _moved(
    work: AccountWork, plan: Sequence[_Transferred], names: Sequence[str]
) -> Sequence[OSError | None]:
    return work.disk.commit(
        [RenamedFile(one.source, name) for one, name in zip(plan, names, strict=True)]
    )


def _linked(
    work: AccountWork, plan: Sequence[_Transferred], names: Sequence[str]
) -> Sequence[OSError | None]:
    errors = list(
        work.disk.commit(
            [LinkedFile(one.source, name) for one, name in zip(plan, names, strict=True)]
        )
    )
    for index, error in enumerate(errors):
        if error is not None and error.errno in CANNOT_LINK:
            (errors[index],) = work.disk.commit([_bytes_of(plan[index], names[index])])
            if errors[index] is None:
                os.utime(names[index], (plan[index].date, plan[index].date))
    return errors


def _bytes_of(one: _Transferred, name: str) -> NewFile:
    final = name
    folder = os.path.dirname(os.path.dirname(final))
    content = content_of_file(one.source)
    return NewFile(f"{folder}/tmp/{one.base}", final, (content,))


def _entered(
    work: AccountWork, into: KnownFolder, done: Sequence[tuple[_Transferred, int]]
) -> KnownFolder:
    row, pages, now = into.row, dict(into.pages), int(work.disk.now())
    if done:
        row = replace(row, modseq=work.next_modseq())
        add_rows(work.cache, row.id, [MessageRow(uid, one.base, saved=now) for one, uid in done])
        entries = [PageMessage(uid, one.flags, row.modseq, one.size, one.date) for one, uid in done]
        append_to_pages(work, row.id, pages, entries)
    return work.written(KnownFolder(settled(work, row), pages))
