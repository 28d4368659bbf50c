"""Removes messages from a folder (EXPUNGE).

Their files are moved to `mailhost-expunged/` in the account's Maildir, where no reader of Maildirs
looks, and are unlinked after the time that the settings say. The time of the removal and the folder
lie in the name: `SECONDS,FOLDER/NAME`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mailhost.interfaces.changes import RemovedFile, RenamedFile, Results
from mailhost.interfaces.folders import FolderView
from mailhost.store.cache.messages import rows_of
from mailhost.store.folders.account_work import AccountWork, KnownFolder
from mailhost.store.folders.file_flags import info_of, split_name
from mailhost.store.folders.refresh import refreshed_locked, remove_from_pages, settled
from mailhost.store.maildir.folder_names import LONGEST

EXPUNGED = "mailhost-expunged"
ATTEMPTS = 4  # to find a file that another program renames


def expunge(
    work: AccountWork, folder: str, uids: Sequence[int], keep: bool
) -> tuple[FolderView, int]:
    """See IFolder.expunge. With `keep` the files can be had back. Returns the octets removed too.

    Raises OSError where one could not be removed; those before it are gone. sqlite3.Error.
    """
    with work.transaction():
        known = refreshed_locked(work, folder)

        def remove(paths: Mapping[int, str]) -> Results:
            return work.disk.commit(
                [
                    RenamedFile(path, _kept_name(work, folder, path)) if keep else RemovedFile(path)
                    for path in paths.values()
                ]
            )

        errors = changed_files(work, known, uids, remove)
        gone = sorted(uid for uid, error in errors.items() if not is_fault(error))
        octets = _octets(known, gone)
        known = without(work, known, gone)
        fault = next(filter(is_fault, errors.values()), None)
    if fault is not None:
        raise fault
    return known.view, octets


def without(work: AccountWork, known: KnownFolder, uids: Sequence[int]) -> KnownFolder:
    """Take messages, by rising UIDs, out of the cache; their files are gone."""
    row, pages = known.row, dict(known.pages)
    if uids:
        row = replace(row, modseq=work.next_modseq())
        row = remove_from_pages(work, row, pages, uids)
    return work.written(KnownFolder(settled(work, row), pages))


def changed_files(
    work: AccountWork,
    known: KnownFolder,
    uids: Sequence[int],
    change: Callable[[Mapping[int, str]], Results],
) -> dict[int, OSError | None]:
    """Change the files of messages, and return what became of each. A file that another program
    renames meanwhile is looked for again; FileNotFoundError says that it is gone."""
    errors: dict[int, OSError | None] = {}
    left = uids
    for _ in range(ATTEMPTS):
        paths = message_paths(work, known, left)
        errors.update(zip(paths, change(paths), strict=True))
        left = [uid for uid in left if isinstance(errors.get(uid), FileNotFoundError)]
        if not left:
            break
    return errors


def is_fault(error: OSError | None) -> bool:
    """A file that is gone is no fault: another program removed the message."""
    return error is not None and not isinstance(error, FileNotFoundError)


def message_paths(work: AccountWork, known: KnownFolder, uids: Sequence[int]) -> dict[int, str]:
    """Return the paths of the files of messages by UID, also of those that another program has
    renamed just now; what is gone is left out."""
    cur = os.path.join(work.path_of(known.row.path), "cur")
    view = known.view
    paths: dict[int, str] = {}
    lost: dict[str, int] = {}
    for uid, row in rows_of(work.cache, known.row.id, uids).items():
        index = view.index_of(uid)
        if index is None:
            continue
        path = os.path.join(cur, row.base + info_of(view.flags[index]))
        if os.path.lexists(path):
            paths[uid] = path
        else:
            lost[row.base] = uid
    if lost:
        for name in os.listdir(cur):
            uid = lost.get(split_name(name)[0], 0)
            if uid:
                paths[uid] = os.path.join(cur, name)
    return paths


def _octets(known: KnownFolder, uids: Sequence[int]) -> int:
    view = known.view
    return sum(view.sizes[index] for index in map(view.index_of, uids) if index is not None)


def _kept_name(work: AccountWork, folder: str, path: str) -> str:
    """A folder whose name would be too long with the time is left out: then the message counts as
    one of INBOX."""
    time = f"{int(work.disk.now())},"
    place = time + folder if len(time + folder) <= LONGEST else time
    return os.path.join(work.root, EXPUNGED, place, os.path.basename(path))
