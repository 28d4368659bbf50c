"""Copies and moves messages to another folder of the account (COPY, MOVE).

A copy is a second name for the file where the disk can link, else its octets; a move is a new name.
The UIDs in the target are written to its UID list first, which stays locked until the files have
their names. A message that moves has one of its two names at any time, so it is never in both
folders nor in neither.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from stat import S_ISREG

from mailhost.interfaces.changes import CANNOT_LINK, LinkedFile, NewFile, RenamedFile, Results
from mailhost.interfaces.folders import Copied
from mailhost.message.flags import SYSTEM_BITS, flag_names
from mailhost.store.cache.pages import Entries, add_entries
from mailhost.store.folders.account_work import AccountWork, KnownFolder
from mailhost.store.folders.file_flags import info_of, renamed
from mailhost.store.folders.file_names import (
    NamedMessage,
    keep_odd,
    message_paths,
    named,
)
from mailhost.store.folders.flag_changes import flag_bits
from mailhost.store.folders.refresh import locked, numbered_row, refreshed_locked, settled
from mailhost.store.folders.removal import without
from mailhost.store.folders.uids import UidSource
from mailhost.store.maildir.filename import new_unique
from mailhost.store.maildir.message_file import content_of_message

ATTEMPTS = 3  # for files that another program renames meanwhile
_SIZES = re.compile(r",[SW]=[0-9]{1,18}(?=,|\Z)")


@dataclass(frozen=True, slots=True)
class _Transfer:
    """One message on its way: the path of its file, and what it will be in the target."""

    message: NamedMessage
    source: str
    base: str
    flags: int
    info: str
    final: str

    @property
    def uid(self) -> int:
        """In the source."""
        return self.message.uid


@dataclass(frozen=True, slots=True)
class _Result:
    """The transferred messages, each with its UID in the target, and the first fault."""

    done: list[tuple[_Transfer, int]]
    fault: OSError | None


def copy(work: AccountWork, folder: str, uids: Sequence[int], target: str) -> Copied:
    """See IFolder.copy. `uids` rise. Raises OSError, sqlite3.Error: then nothing was copied."""
    with work.transaction():
        known = refreshed_locked(work, folder)
        with locked(work, target) as (into, source):
            plan, into = _plan(work, known, uids, into, source, target)
            numbers = _numbers(source, plan, into)
            result = _done(work, known, plan, numbers, _linked)
            if result.fault is not None:
                for one, _ in result.done:
                    with suppress(FileNotFoundError):
                        work.disk.system.remove(one.final)
                raise result.fault
            copied = _copied(into, result)
            into = into.with_row(numbered_row(into.row, source))
            work.files_changed = True
        _enter(work, into, result.done)
    return copied


def move(work: AccountWork, folder: str, uids: Sequence[int], target: str) -> Copied:
    """See IFolder.move. Raises OSError, sqlite3.Error; what had moved by then has moved."""
    with work.transaction():
        known = refreshed_locked(work, folder)
        with locked(work, target) as (into, source):
            plan, into = _plan(work, known, uids, into, source, target)
            numbers = _numbers(source, plan, into)
            result = _done(work, known, plan, numbers, _renamed)
            copied = _copied(into, result)
            into = into.with_row(numbered_row(into.row, source))
            work.files_changed = bool(result.done)
        into = _enter(work, into, result.done)
        without(work, into if folder == target else known, [one.uid for one, _ in result.done])
    if result.fault is not None:
        raise result.fault
    return copied


# --- what is to be done --------------------------------------------------------------------------


def _plan(
    work: AccountWork,
    known: KnownFolder,
    uids: Sequence[int],
    into: KnownFolder,
    source: UidSource,
    target: str,
) -> tuple[list[_Transfer], KnownFolder]:
    """Return what is to be transferred; the target gets the keywords that it lacks."""
    cur = os.path.join(work.path_of(known.row.path), "cur")
    target_cur = os.path.join(work.path_of(target), "cur")
    translated: dict[int, int] = {}
    plan = []
    unique = _uniques(work)
    for message in named(work, known, uids):
        flags = translated.get(message.flags)
        if flags is None:
            keywords = flag_names(message.flags & ~SYSTEM_BITS, known.row.keywords)
            bits, into = flag_bits(into, keywords, source)
            flags = translated[message.flags] = message.flags & SYSTEM_BITS | bits
        base = next(unique) + "".join(_SIZES.findall(message.base))
        info = renamed(message.info, flags) if message.is_odd else info_of(flags)
        final = f"{target_cur}/{base}{info}"
        plan.append(_Transfer(message, f"{cur}/{message.name}", base, flags, info, final))
    return _without_links(cur, plan), into


def _without_links(cur: str, plan: Sequence[_Transfer]) -> list[_Transfer]:
    """Leave out messages in whose place something else lies than a regular file."""
    fd = os.open(cur, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return [one for one in plan if _may_be_regular(fd, one.message.name)]
    finally:
        os.close(fd)


def _may_be_regular(fd: int, name: str) -> bool:
    try:
        return S_ISREG(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return True  # it has another name by now, as the commit finds


def _uniques(work: AccountWork) -> Iterator[str]:
    while True:
        yield new_unique(work.disk.hostname, work.disk.now())


def _numbers(source: UidSource, plan: Sequence[_Transfer], into: KnownFolder) -> dict[str, int]:
    bases = [one.base for one in plan]
    return {base: uid for uid, base in source.numbered(bases, into.row.uid_next)}


# --- what was done -------------------------------------------------------------------------------


def _done(
    work: AccountWork,
    known: KnownFolder,
    plan: Sequence[_Transfer],
    numbers: dict[str, int],
    commit: Callable[[AccountWork, Sequence[_Transfer]], Results],
) -> _Result:
    """Give the files their names by `commit`, safe on the disk. A file that is not there was
    renamed by another program, and is looked for; one that is gone is no fault."""
    done: list[_Transfer] = []
    faults: list[OSError] = []
    for _ in range(ATTEMPTS):
        errors = commit(work, plan)
        lost: dict[int, _Transfer] = {}
        for one, error in zip(plan, errors, strict=True):
            if error is None:
                done.append(one)
            elif isinstance(error, FileNotFoundError):
                lost[one.uid] = one
            else:
                faults.append(error)
        if not lost:
            break
        paths = message_paths(work, known, list(lost))
        plan = [replace(lost[uid], source=path) for uid, path in paths.items()]
    pairs = [(one, numbers[one.base]) for one in done]
    return _Result(sorted(pairs, key=lambda pair: pair[1]), next(iter(faults), None))


def _renamed(work: AccountWork, plan: Sequence[_Transfer]) -> Results:
    return work.disk.commit([RenamedFile(one.source, one.final) for one in plan])


def _linked(work: AccountWork, plan: Sequence[_Transfer]) -> Results:
    errors = list(work.disk.commit([LinkedFile(one.source, one.final) for one in plan]))
    for index, error in enumerate(errors):
        if error is not None and error.errno in CANNOT_LINK:
            errors[index] = _octets_copied(work, plan[index])
    return errors


def _octets_copied(work: AccountWork, one: _Transfer) -> OSError | None:
    folder = os.path.dirname(os.path.dirname(one.final))
    try:
        content = content_of_message(one.source)
        date = os.stat(one.source).st_mtime
    except OSError as error:
        return error
    temporary = f"{folder}/tmp/{one.base}"
    (fault,) = work.disk.commit([NewFile(temporary, one.final, (content,), modified=date)])
    return fault


def _copied(into: KnownFolder, result: _Result) -> Copied:
    done = sorted(result.done, key=lambda pair: pair[0].uid)
    return Copied(into.row.uid_validity, [one.uid for one, _ in done], [uid for _, uid in done])


def _enter(
    work: AccountWork, into: KnownFolder, done: Sequence[tuple[_Transfer, int]]
) -> KnownFolder:
    """Enter the messages into the cache of the target."""
    row, pages, now = into.row, dict(into.pages), int(work.disk.now())
    if done:
        row = replace(row, modseq=work.next_modseq())
        entries = Entries(
            [uid for _, uid in done],
            [one.base for one, _ in done],
            [one.flags for one, _ in done],
            [one.message.size for one, _ in done],
            [one.message.date for one, _ in done],
        )
        add_entries(work.cache, row.id, pages, entries, row.modseq, now)
        infos = {uid: one.info for one, uid in done}
        keep_odd(work, row.id, infos, {uid: one.flags for one, uid in done})
    return work.written(KnownFolder(settled(work, row), pages))
