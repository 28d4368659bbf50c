"""Changes the flags of messages: files get other names, pages other flags.

The names are changed first. Where the process dies in between, the next reading of the folder finds
the new names. The names are not synced: a power cut may take back a change of flags, as with
Dovecot.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import or_

from mailhost.interfaces.folders import FlagChange, FlagsSet
from mailhost.message.flags import SYSTEM_FLAGS, FlagAction, keyword_bit
from mailhost.store.cache.by_uid import Kind, read_texts
from mailhost.store.cache.pages import by_page, names_of
from mailhost.store.folders.account_work import AccountWork, KnownFolder
from mailhost.store.folders.file_flags import flags_of, info_of, letters, split_name
from mailhost.store.folders.file_names import NamedMessage, keep_odd, locate, named
from mailhost.store.folders.reading_files import write_flags
from mailhost.store.folders.refresh import locked, refreshed, refreshed_locked, settled
from mailhost.store.folders.uids import UidSource

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
        before, modseq = known.row.keywords, known.row.modseq
        if change.action is not FlagAction.REMOVE and unknown_keywords(known, change.flags):
            with locked(work, folder) as (known, source):
                bits, known = flag_bits(known, change.flags, source)
        else:
            bits = known_bits(known.row.keywords, change.flags)
        wanted, modified, expunged = _wanted(known, uids, change.action, bits, unchanged_since)
        if wanted or known.row.keywords != before:
            flags, others = _renamed(work, known, wanted, unchanged_since is not None)
            work.files_changed = True
            modified = sorted({*modified, *others})
            missing = wanted.keys() - flags.keys() - others
            expunged = sorted({*expunged, *missing})
            known = _entered(work, known, flags, again=bool(missing or others))
    if work.files_changed and work.in_memory:
        known = refreshed(work, folder)
    return FlagsSet(known.view, modified, expunged, modseq)


# --- keywords ------------------------------------------------------------------------------------


def known_bits(keywords: Sequence[str], flags: Sequence[str]) -> int:
    """Return the bits of flags by their names; keywords that the folder does not have are left
    out."""
    numbers = _numbers(keywords)
    bits = 0
    for flag in map(str.lower, flags):
        if flag in numbers:
            bits |= keyword_bit(numbers[flag])
        else:
            bits |= _SYSTEM.get(flag, 0)
    return bits


def unknown_keywords(known: KnownFolder, flags: Sequence[str]) -> list[str]:
    """Return the keywords among `flags` that the folder does not have."""
    numbers = _numbers(known.row.keywords)
    return [flag for flag in flags if flag[:1] != "\\" and flag.lower() not in numbers]


def flag_bits(
    known: KnownFolder, flags: Sequence[str], source: UidSource
) -> tuple[int, KnownFolder]:
    """Return the bits of flags by their names, and the folder with the keywords that it lacked, as
    far as there is room for them. Raises OSError."""
    unknown = unknown_keywords(known, flags)
    if unknown:
        used = letters(reduce(or_, known.view.flags, 0))
        keywords = source.with_keywords(unknown, used)
        known = known.with_row(replace(known.row, keywords=keywords))
    return known_bits(known.row.keywords, flags), known


def _numbers(keywords: Sequence[str]) -> dict[str, int]:
    return {name.lower(): number for number, name in enumerate(keywords) if name}


# --- the change ----------------------------------------------------------------------------------


def _wanted(
    known: KnownFolder,
    uids: Sequence[int],
    action: FlagAction,
    bits: int,
    unchanged_since: int | None,
) -> tuple[dict[int, int], list[int], list[int]]:
    """Return the flags after the change for each UID to be changed, then UIDs that were modified
    since and UIDs that are gone."""
    wanted: dict[int, int] = {}
    modified: list[int] = []
    expunged = set(uids)
    for page, some in by_page(known.pages, uids):
        expunged.difference_update(some)
        afters = {flags: _after(flags, action, bits) for flags in set(page.flags)}
        for uid, place in zip(some, page.places_of(some), strict=True):
            before = page.flags[place]
            if unchanged_since is not None and page.modseqs[place] > unchanged_since:
                modified.append(uid)
            elif afters[before] != before:
                wanted[uid] = afters[before]
    return wanted, modified, sorted(expunged)


def _after(before: int, action: FlagAction, bits: int) -> int:
    if action is FlagAction.ADD:
        return before | bits
    if action is FlagAction.REMOVE:
        return before & ~bits
    return bits


def _renamed(
    work: AccountWork, known: KnownFolder, wanted: Mapping[int, int], only_unchanged: bool
) -> tuple[dict[int, int], set[int]]:
    """Give the files of messages other flags; returns those of the files that were there. A file
    that another program has renamed meanwhile keeps what that has changed; with `only_unchanged` it
    stays as it is, and its UID is in the set that is returned."""
    cur = os.path.join(work.path_of(known.row.path), "cur")
    rename = work.disk.system.rename_in
    done: dict[int, int] = {}
    odd: dict[int, str] = {}
    others: set[int] = set()

    def take(message: NamedMessage, name: str) -> None:
        before, after = message.flags, wanted[message.uid]
        if name != message.name:
            now = flags_of(split_name(name)[1])
            if only_unchanged and now != before:
                others.add(message.uid)
                return
            after = (now | after & ~before) & ~(before & ~after)
        is_odd = message.is_odd
        info = message.info_after(after) if is_odd else info_of(after)
        renamed = message.base + info
        if name != renamed:
            rename(fd, name, renamed)
        done[message.uid] = after
        if is_odd:
            odd[message.uid] = info

    fd = os.open(cur, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        left = _renamed_as_known(work, known, wanted, fd, done)
        locate(cur, named(work, known, left), take)
    finally:
        os.close(fd)
    if odd:
        keep_odd(work, known.row.id, odd, done)
    return done, others


def _renamed_as_known(
    work: AccountWork, known: KnownFolder, wanted: Mapping[int, int], fd: int, done: dict[int, int]
) -> list[int]:
    """Rename the files in the directory `fd` whose names follow from the flags, and that have them.
    Adds their flags to `done`; returns the UIDs of the others. Few steps, as thousands come."""
    rename = work.disk.system.rename_in
    odd = read_texts(work.cache, known.row.id, Kind.ODD_NAME, list(wanted))
    left = list(odd)
    for page, uids in by_page(known.pages, [uid for uid in wanted if uid not in odd]):
        bases = names_of(work.cache, known.row.id, page).bases
        for uid, at in zip(uids, page.places_of(uids), strict=True):
            base, after = bases[at], wanted[uid]
            try:
                rename(fd, base + info_of(page.flags[at]), base + info_of(after))
            except FileNotFoundError:
                left.append(uid)
            else:
                done[uid] = after
    return sorted(left)


def _entered(
    work: AccountWork, known: KnownFolder, flags: Mapping[int, int], again: bool
) -> KnownFolder:
    """Write the flags to the cache."""
    row, pages = known.row, dict(known.pages)
    if flags:
        row = replace(row, modseq=work.next_modseq())
    write_flags(work, row, pages, dict(sorted(flags.items())))
    return work.written(KnownFolder(settled(work, row, again), pages))
