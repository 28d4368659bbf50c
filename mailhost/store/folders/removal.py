"""Removes messages from a folder (EXPUNGE).

Their files are moved to where they are kept (`maildir/expunged`), and are unlinked after the time
that the settings say.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import replace

from mailhost.interfaces.changes import RemovedFile, RenamedFile
from mailhost.interfaces.folders import FolderView
from mailhost.store.folders.account_work import AccountWork, KnownFolder
from mailhost.store.folders.file_names import message_paths
from mailhost.store.folders.reading_files import forget
from mailhost.store.folders.refresh import refreshed, refreshed_locked, settled
from mailhost.store.maildir.expunged import kept_path

ATTEMPTS = 3
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def expunge(
    work: AccountWork, folder: str, uids: Sequence[int], keep: bool
) -> tuple[FolderView, int]:
    """See IFolder.expunge. With `keep` the files can be had back, unless the disk is full.

    Returns the octets removed too. Raises OSError where one could not be removed; those before it
    are gone. sqlite3.Error.
    """
    with work.transaction():
        known = refreshed_locked(work, folder)
        present = set(known.view.uids)
        faults = _removed(work, known, uids, keep)
        gone = [uid for uid in uids if uid in present and uid not in faults]
        octets = _octets(known, gone)
        work.files_changed = bool(gone)
        known = without(work, known, gone)
    if faults:
        raise next(iter(faults.values()))
    if work.in_memory:
        known = refreshed(work, folder)
    return known.view, octets


def _removed(
    work: AccountWork, known: KnownFolder, uids: Sequence[int], keep: bool
) -> dict[int, OSError]:
    """Remove the files of messages. Returns the faults by UID; what is gone already is none."""
    faults: dict[int, OSError] = {}
    for _ in range(ATTEMPTS):
        paths = message_paths(work, known, uids)
        errors = _committed(work, known.row.path, list(paths.values()), keep)
        uids = []
        for uid, error in zip(paths, errors, strict=True):
            if isinstance(error, FileNotFoundError):
                uids.append(uid)  # renamed by another program, or gone
            elif error is not None:
                faults[uid] = error
        if not uids:
            break
    return faults


def _committed(
    work: AccountWork, folder: str, paths: Sequence[str], keep: bool
) -> list[OSError | None]:
    changes = [
        RenamedFile(path, _kept_name(work, folder, path)) if keep else RemovedFile(path)
        for path in paths
    ]
    errors = list(work.disk.commit(changes))
    for index, error in enumerate(errors):
        if error is not None and error.errno in FULL:
            (errors[index],) = work.disk.commit([RemovedFile(paths[index])])
    return errors


def without(work: AccountWork, known: KnownFolder, uids: Sequence[int]) -> KnownFolder:
    """Take messages, by rising UIDs, out of the cache; their files are gone."""
    row, pages = known.row, dict(known.pages)
    if uids:
        row = replace(row, modseq=work.next_modseq())
    row = forget(work, row, pages, uids)
    return work.written(KnownFolder(settled(work, row), pages))


def _octets(known: KnownFolder, uids: Sequence[int]) -> int:
    view = known.view
    return sum(view.sizes[index] for index in map(view.index_of, uids) if index is not None)


def _kept_name(work: AccountWork, folder: str, path: str) -> str:
    return os.path.join(kept_path(work.root, work.disk.now(), folder), os.path.basename(path))
