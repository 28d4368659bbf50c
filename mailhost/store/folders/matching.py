"""Finds the messages whose content matches a key: from the cache where that is enough, otherwise by
reading their files.

The first step belongs to the account's operations and is short. Files are read beside them, so that
a long search holds up neither other operations of the account nor the threads that all share.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mailhost.interfaces.folders import Matches, SummaryField
from mailhost.message.crlf import with_crlf
from mailhost.message.imap.content_keys import ContentKey, Sent
from mailhost.message.imap.content_search import ContentSearch, is_kept
from mailhost.message.imap.reader import MemoryReader, Reader, reader_of
from mailhost.store.cache.contents import heads_of, read_summaries
from mailhost.store.folders.account_work import AccountWork
from mailhost.store.folders.file_names import message_paths, probable_paths
from mailhost.store.folders.reading_files import size_in_name
from mailhost.store.folders.refresh import refreshed
from mailhost.store.maildir.message_file import content_of_message, open_file

AT_ONCE = 300  # messages that are looked at in one step
LONGEST = 0.1  # seconds of one step
_SMALL = 1 << 16  # octets of a file that is read by one call


def search_of(key: ContentKey) -> ContentSearch:
    """Return a search that lets other threads go on between two slices of a large message."""
    return ContentSearch(key, lambda: time.sleep(0))


@dataclass(slots=True)
class Step:
    """One step of a search. `found` are those of `uids` that the cache decided for; the files of
    the others are in `paths`, and `lost` are those whose files were not there."""

    uids: Sequence[int]
    found: set[int] = field(default_factory=set)
    paths: Mapping[int, str] = field(default_factory=dict)
    lost: list[int] = field(default_factory=list)


def begin(
    work: AccountWork, folder: str, uids: Sequence[int], key: ContentKey, search: ContentSearch
) -> Step:
    """Decide what the cache can decide. Raises OSError, sqlite3.Error."""
    known = work.read(folder) or refreshed(work, folder)
    step = Step(uids)
    open_uids: Iterable[int] = uids
    if is_kept(key):
        decided = _decided(work, known.row.id, uids, key, search)
        step.found = {uid for uid, found in decided.items() if found}
        open_uids = [uid for uid in uids if decided.get(uid) is None]
    step.paths = probable_paths(work, known, list(open_uids))
    return step


def _decided(
    work: AccountWork, folder: int, uids: Sequence[int], key: ContentKey, search: ContentSearch
) -> Mapping[int, bool | None]:
    """Return what the cache says of the messages that it has, None for what it cannot decide."""
    if isinstance(key, Sent):
        days = read_summaries(work.cache, folder, uids, (SummaryField.SENT_DAY,))
        return {
            uid: day is not None and key.when.holds(day, key.day) for uid, (day,) in days.items()
        }
    heads = heads_of(work.cache, folder, uids)
    return {uid: search.in_kept(head) for uid, head in heads.items()}


def found_again(work: AccountWork, folder: str, step: Step) -> Step:
    """Return a step with the files that were renamed meanwhile. Raises OSError, sqlite3.Error."""
    known = refreshed(work, folder)
    return Step(step.lost, paths=message_paths(work, known, step.lost))


def read(step: Step, search: ContentSearch, seconds: float = LONGEST) -> Matches:
    """Read files until the step is done or takes longer than that: at least one. Raises OSError."""
    ends = time.monotonic() + seconds
    last = len(step.uids)
    for place, uid in enumerate(step.uids):
        path = step.paths.get(uid)
        if path is None:
            continue
        try:
            if search.in_message(_reader(path, search.needs_body)):
                step.found.add(uid)
        except FileNotFoundError:
            step.lost.append(uid)
        if time.monotonic() > ends:
            last = place + 1
            break
    return Matches(last, [uid for uid in step.uids[:last] if uid in step.found])


def _reader(path: str, whole: bool) -> Reader:
    """Open a message. A small file is read by one call. Raises OSError."""
    descriptor = open_file(path)
    try:
        octets = os.read(descriptor, _SMALL)
    finally:
        os.close(descriptor)
    size = size_in_name(os.path.basename(path)) or None
    if len(octets) == _SMALL:
        if not whole:
            return _beginning(path, octets, size)
        return reader_of(content_of_message(path), size)
    return MemoryReader(octets if size == len(octets) else with_crlf(octets))


def _beginning(path: str, octets: bytes, size: int | None) -> Reader:
    """The reader of a large message of which the header is wanted."""
    beginning = with_crlf(octets)
    if b"\r\n\r\n" in beginning:
        return MemoryReader(beginning)
    return reader_of(content_of_message(path), size)
