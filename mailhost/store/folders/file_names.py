"""Which file in cur/ each message of a folder has, as the cache knows it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from stat import S_ISREG
from typing import NamedTuple

from mailhost.store.cache.by_uid import Kind, read_texts, remove_texts, write_texts
from mailhost.store.cache.pages import by_page, names_of
from mailhost.store.folders.account_work import AccountWork, KnownFolder
from mailhost.store.folders.file_flags import info_of, renamed, split_name

LISTINGS = 4  # of a directory, for a file that another program renames all the time


class NamedMessage(NamedTuple):
    """A message with the name of its file in cur/, as `base` and what follows it. `size` is in
    octets on the wire, `date` and `saved` are in seconds since 1970. A tuple, as thousands are made
    at once."""

    uid: int
    base: str
    info: str
    flags: int
    size: int
    date: int
    saved: int

    @property
    def name(self) -> str:
        """The file's name."""
        return self.base + self.info

    def info_after(self, flags: int) -> str:
        """Return what follows the base once the flags have changed."""
        return renamed(self.info, flags) if self.is_odd else info_of(flags)

    @property
    def is_odd(self) -> bool:
        """True for a name that does not follow from the flags."""
        return self.info != info_of(self.flags)


def named(work: AccountWork, known: KnownFolder, uids: Sequence[int]) -> list[NamedMessage]:
    """Return messages by rising UIDs; what the folder does not have is left out."""
    row = known.row
    odd = read_texts(work.cache, row.id, Kind.ODD_NAME, uids)
    found = []
    for page, some in by_page(known.pages, uids):
        names = names_of(work.cache, row.id, page)
        for uid, at in zip(some, page.places_of(some), strict=True):
            flags = page.flags[at]
            info = odd[uid] if uid in odd else info_of(flags)
            date, saved = page.dates[at], names.saved[at]
            found.append(
                NamedMessage(uid, names.bases[at], info, flags, page.sizes[at], date, saved)
            )
    return found


def all_names(work: AccountWork, known: KnownFolder) -> dict[int, str]:
    """Return the base names of all messages by UID, rising."""
    bases: dict[int, str] = {}
    for page in known.pages.values():
        bases.update(zip(page.uids, names_of(work.cache, known.row.id, page).bases, strict=True))
    return bases


def all_infos(work: AccountWork, known: KnownFolder) -> dict[int, str]:
    """Return what follows the base names of all messages, by UID, rising."""
    infos: dict[int, str] = {}
    for page in known.pages.values():
        infos.update(zip(page.uids, map(info_of, page.flags), strict=True))
    if infos:
        first, last = next(iter(infos)), next(reversed(infos))
        infos |= read_texts(work.cache, known.row.id, Kind.ODD_NAME, (first, last))
    return infos


def keep_odd(work: AccountWork, folder: int, infos: dict[int, str], flags: dict[int, int]) -> None:
    """Remember which of these names, by UID, do not follow from the flags."""
    odd = {uid: info for uid, info in infos.items() if info != info_of(flags[uid])}
    remove_texts(work.cache, folder, Kind.ODD_NAME, [uid for uid in infos if uid not in odd])
    write_texts(work.cache, folder, Kind.ODD_NAME, odd)


def locate(
    cur: str, messages: Sequence[NamedMessage], take: Callable[[NamedMessage, str], None]
) -> None:
    """Call `take` with each message and the name of its file in the directory `cur`.

    `take` raises FileNotFoundError where there is no such file: another program has renamed or
    removed it just now. Then it is called again with the name that the file has by then. A file
    that is not listed twice, as readdir(3) may leave out what is renamed meanwhile, is gone and
    left out.
    """
    lost: dict[str, NamedMessage] = {}
    for message in messages:
        try:
            take(message, message.name)
        except FileNotFoundError:
            lost[message.base] = message
    for listing in range(LISTINGS if lost else 0):
        was_listed = _take_lost(cur, lost, take)
        if not lost or (listing and not was_listed):
            break


def _take_lost(
    cur: str, lost: dict[str, NamedMessage], take: Callable[[NamedMessage, str], None]
) -> bool:
    """Call `take` for the lost messages that are listed, and take those away from `lost` that were
    there. Returns True if one was listed."""
    was_listed = False
    for name in os.listdir(cur):
        base = split_name(name)[0]
        found = lost.get(base)
        if found is None:
            continue
        was_listed = True
        with suppress(FileNotFoundError):
            take(found, name)
            del lost[base]
    return was_listed


def message_files(
    work: AccountWork, known: KnownFolder, uids: Sequence[int]
) -> dict[int, tuple[str, os.stat_result]]:
    """Return the paths and the status of the files of messages by rising UID; what is gone is left
    out."""
    cur = os.path.join(work.path_of(known.row.path), "cur")
    files: dict[int, tuple[str, os.stat_result]] = {}

    def take(message: NamedMessage, name: str) -> None:
        path = os.path.join(cur, name)
        status = os.lstat(path)
        if S_ISREG(status.st_mode):
            files[message.uid] = path, status

    locate(cur, named(work, known, uids), take)
    return dict(sorted(files.items()))


def message_paths(work: AccountWork, known: KnownFolder, uids: Sequence[int]) -> dict[int, str]:
    """Return the paths of the files of messages by rising UID; what is gone is left out."""
    return {uid: path for uid, (path, _) in message_files(work, known, uids).items()}


def probable_paths(work: AccountWork, known: KnownFolder, uids: Sequence[int]) -> dict[int, str]:
    """Return where the files of messages are by UID, unless another program has renamed or removed
    them just now."""
    cur = os.path.join(work.path_of(known.row.path), "cur")
    return {message.uid: os.path.join(cur, message.name) for message in named(work, known, uids)}
