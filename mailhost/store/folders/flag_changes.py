"""Changes the flags of messages: files get other names, pages other flags.

The names are changed first. Where the process dies in between, the next reading of the folder finds
the new names. Nothing is synced: a power cut may take back a change of flags, as with Dovecot.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from mailhost.interfaces.folders import FlagAction, FlagChange, FlagsSet
from mailhost.message.flags import SYSTEM_BITS, SYSTEM_FLAGS, keyword_bit
from mailhost.store.cache.messages import rows_of
from mailhost.store.cache.pages import by_page, write_page
from mailhost.store.folders.account_work import AccountWork, KnownFolder
from mailhost.store.folders.file_flags import PASSED, info_of, split_name
from mailhost.store.folders.refresh import refreshed_locked, settled, uid_source
from mailhost.store.folders.removal import ATTEMPTS

_SYSTEM = {name.lower(): bit for name, bit in SYSTEM_FLAGS.items()}


def set_flags(
    work: AccountWork,
    folder: str,
    uids: Sequence[int],
    change: FlagChange,
    unchanged_since: int | None,
) -> FlagsSet:
    """See IFolder.set_flags. `uids` rise. Raises OSError, sqlite3.Error."""
    with work.transaction():
        known = refreshed_locked(work, folder)
        bits, keywords = flag_bits(
            work, known, change.flags, change.action is not FlagAction.REMOVE
        )
        wanted, modified, expunged = _wanted(known, uids, change.action, bits, unchanged_since)
        if wanted or keywords != known.row.keywords:
            known, missing = _changed(work, known, wanted, keywords)
            expunged += missing
    return FlagsSet(known.view, modified, expunged)


def flag_bits(
    work: AccountWork, known: KnownFolder, flags: Sequence[str], add: bool
) -> tuple[int, tuple[str, ...]]:
    """Return the bits of flags by their names, and the folder's keywords; unknown keywords are
    added to it first with `add`, as far as there is room. Raises OSError."""
    names = known.row.keywords
    numbers = _numbers(names)
    wanted = [flag for flag in flags if not flag.startswith("\\")]
    unknown = [flag for flag in wanted if flag.lower() not in numbers]
    if add and unknown:
        with uid_source(work, known.row.path, known.row.place) as source:
            names = source.with_keywords(unknown)
        numbers = _numbers(names)
    bits = 0
    for flag in flags:
        bits |= _SYSTEM.get(flag.lower(), 0)
    for flag in wanted:
        number = numbers.get(flag.lower())
        if number is not None:
            bits |= keyword_bit(number)
    return bits, names


def _numbers(names: Sequence[str]) -> dict[str, int]:
    return {name.lower(): number for number, name in enumerate(names) if name}


def _wanted(
    known: KnownFolder,
    uids: Sequence[int],
    action: FlagAction,
    bits: int,
    unchanged_since: int | None,
) -> tuple[dict[int, tuple[int, int]], list[int], list[int]]:
    """Return flags before and after for each UID to be changed, then UIDs that were modified since
    and UIDs that are gone."""
    view = known.view
    wanted: dict[int, tuple[int, int]] = {}
    modified: list[int] = []
    expunged: list[int] = []
    for uid in uids:
        index = view.index_of(uid)
        if index is None:
            expunged.append(uid)
            continue
        if unchanged_since is not None and view.modseqs[index] > unchanged_since:
            modified.append(uid)
            continue
        before = view.flags[index]
        after = _after(before, action, bits)
        if after != before:
            wanted[uid] = (before, after)
    return wanted, modified, expunged


def _after(before: int, action: FlagAction, bits: int) -> int:
    if action is FlagAction.ADD:
        return before | bits
    if action is FlagAction.REMOVE:
        return before & ~bits
    return before & PASSED | bits


def _changed(
    work: AccountWork,
    known: KnownFolder,
    wanted: Mapping[int, tuple[int, int]],
    keywords: tuple[str, ...],
) -> tuple[KnownFolder, list[int]]:
    """Rename the files and write the pages. Returns the folder, and UIDs whose files are gone."""
    renamed = renamed_files(work, known, wanted)
    row, pages = replace(known.row, keywords=keywords), dict(known.pages)
    if renamed:
        row = replace(row, modseq=work.next_modseq())
    for page, uids in by_page(pages, sorted(renamed)):
        page = page.with_flags({uid: renamed[uid] for uid in uids}, row.modseq)
        pages[page.first_uid] = page
        write_page(work.cache, row.id, page)
    missing = [uid for uid in wanted if uid not in renamed]
    row = settled(work, row, again=bool(missing))
    return work.written(KnownFolder(row, pages)), missing


def renamed_files(
    work: AccountWork, known: KnownFolder, wanted: Mapping[int, tuple[int, int]]
) -> dict[int, int]:
    """Give the files of messages other flags; returns the flags of the files that were there. A
    file that another program renames meanwhile keeps the flags that it got by that."""
    cur = os.path.join(work.path_of(known.row.path), "cur")
    renamed: dict[int, int] = {}
    rows = rows_of(work.cache, known.row.id, list(wanted))
    lost: dict[str, int] = {}
    for uid, row in rows.items():
        before, after = wanted[uid]
        try:
            os.rename(
                os.path.join(cur, row.base + info_of(before)),
                os.path.join(cur, row.base + info_of(after)),
            )
            renamed[uid] = after
        except FileNotFoundError:
            lost[row.base] = uid
    for _ in range(ATTEMPTS if lost else 0):
        for name in os.listdir(cur):
            base, flags = split_name(name)
            if base not in lost:
                continue
            before, after = wanted[lost[base]]
            flags = (flags | after & ~before) & ~(before & ~after)
            with suppress(FileNotFoundError):
                os.rename(os.path.join(cur, name), os.path.join(cur, base + info_of(flags)))
                renamed[lost.pop(base)] = flags
        if not lost:
            break
    return renamed


def kept_keywords(flags: int) -> int:
    """Return those of `flags` that are keywords."""
    return flags & ~(SYSTEM_BITS | PASSED)
