"""The folders of an account as a tree: listed, made, renamed, removed, subscribed to.

INBOX and the folders of special use are there for every account: missing ones are made when a
client first asks, and then they and INBOX are subscribed to. In a Maildir of another host the
folders with usual names (`Sent Messages`) have the special uses. Uses that clients gave to folders
they made lie in `mailhost-special-use`, one `USE NAME` a line.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from mailhost.interfaces.changes import MadeFolder
from mailhost.interfaces.folders import FolderInfo, FolderStatus, Reason, StoreRefusal
from mailhost.message.flags import DELETED
from mailhost.store.cache.folder_row import folder_row, remove_folder, write_row
from mailhost.store.folders.account_work import AccountWork, KnownFolder
from mailhost.store.folders.measuring import sized
from mailhost.store.folders.patience import is_locked
from mailhost.store.folders.refresh import refreshed, refreshed_locked
from mailhost.store.folders.special_use import SpecialUses
from mailhost.store.folders.transfer import move
from mailhost.store.maildir.folder_names import (
    INBOX,
    UnfitName,
    canonical,
    directory_of,
    find_folders,
)
from mailhost.store.maildir.removed_folders import removed_path
from mailhost.store.maildir.subscriptions import SubscriptionsFile

NO_SUCH = StoreRefusal(Reason.NONEXISTENT, "There is no such folder")
EXISTS = StoreRefusal(Reason.ALREADY_EXISTS, "There is a folder of that name")
INBOX_STAYS = StoreRefusal(Reason.CANNOT, "INBOX cannot be removed")


@dataclass(frozen=True, slots=True)
class Place:
    """A folder's name, and the path of its Maildir below the account's, empty for INBOX."""

    name: str
    path: str


def directories(work: AccountWork) -> Mapping[str, str]:
    """Return the directories of all folders by name, after what every account has was made.

    Raises OSError.
    """
    if not os.path.isdir(os.path.join(work.root, "new")):
        make_maildir(work, "")
    found = find_folders(work.root).directories
    missing = SpecialUses(work).missing(found)
    if not missing:
        return found
    _subscriptions(work).change(add=[INBOX, *missing])  # first, as it may wait for a lock
    for name in missing:
        path = directory_of(name)
        assert isinstance(path, str)
        make_maildir(work, path)
    return find_folders(work.root).directories


def make_maildir(work: AccountWork, path: str) -> None:
    """Make a folder's Maildir, durably. Raises OSError."""
    folder = work.path_of(path)
    errors = work.disk.commit(
        [MadeFolder(os.path.join(folder, name)) for name in ("tmp", "cur", "new")]
    )
    for error in errors:
        if error is not None:
            raise error
    if path:
        marker = os.path.join(folder, "maildirfolder")
        os.close(os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


def found(work: AccountWork, name: str) -> Place | StoreRefusal:
    """Return where a folder is. Raises OSError."""
    name = canonical(name)
    path: str | UnfitName | None = directory_of(name)
    if not (isinstance(path, str) and path and _is_maildir(work.path_of(path))):
        path = directories(work).get(name)
    if path is None:
        return NO_SUCH
    if not os.path.isdir(os.path.join(work.path_of(path), "new")):
        make_maildir(work, path)  # as Dovecot does where another program made the directory alone
    return Place(name, path)


def _is_maildir(path: str) -> bool:
    """True where the directory of a folder is there, and is no link."""
    return not os.path.islink(path) and os.path.isdir(os.path.join(path, "new"))


def found_or_made(work: AccountWork, name: str) -> Place | StoreRefusal:
    """Return where a folder is; a missing one is made, and subscribed to. Raises OSError,
    sqlite3.Error."""
    place = found(work, name)
    if isinstance(place, StoreRefusal):
        refusal = create(work, name, "")
        if isinstance(refusal, StoreRefusal):
            return refusal
        subscribe(work, name, True)
        place = found(work, name)
    return place


def list_folders(work: AccountWork) -> list[FolderInfo]:
    """See IAccountMail.folders. Raises OSError."""
    names = directories(work)
    subscribed = set(_subscriptions(work).read().names())
    uses = SpecialUses(work).of(names)
    levels = {
        "/".join(name.split("/")[:depth])
        for name in names
        for depth in range(1, name.count("/") + 1)
    }
    return [
        FolderInfo(name, name in names, name in subscribed, name in levels, uses.get(name, ""))
        for name in sorted(names.keys() | levels | subscribed, key=_inbox_first)
    ]


def _inbox_first(name: str) -> tuple[bool, str]:
    return name != INBOX, name


def statuses(work: AccountWork, names: Sequence[str]) -> dict[str, FolderStatus]:
    """See IAccountMail.statuses. Raises OSError, sqlite3.Error."""
    paths = directories(work)
    found_ones = {}
    for name in names:
        path = paths.get(canonical(name))
        if path is not None:
            with suppress(FileNotFoundError):
                found_ones[name] = _status(sized(work, path))
    return found_ones


def _status(known: KnownFolder) -> FolderStatus:
    row = known.row
    size = sum(sum(page.sizes) for page in known.pages.values())
    deleted = sum(
        octets
        for page in known.pages.values()
        for octets, flags in zip(page.sizes, page.flags, strict=True)
        if flags & DELETED
    )
    return FolderStatus(
        row.mailbox_id,
        row.uid_validity,
        row.uid_next,
        row.modseq,
        row.messages,
        row.unseen,
        row.deleted,
        size,
        deleted,
    )


def create(work: AccountWork, name: str, special_use: str) -> str | StoreRefusal:
    """See IAccountMail.create. Raises OSError, sqlite3.Error."""
    name = canonical(name.removesuffix("/"))  # a trailing delimiter: RFC 9051 §6.3.4
    path = directory_of(name)
    if isinstance(path, UnfitName):
        return StoreRefusal(Reason.CANNOT, path.text)
    if name in directories(work):
        return EXISTS
    with work.transaction():
        was_there = os.path.lexists(work.path_of(path))
        try:
            make_maildir(work, path)
            mailbox_id = refreshed_locked(work, path).row.mailbox_id
            if special_use:
                SpecialUses(work).give(special_use, name)
        except (OSError, sqlite3.Error):
            if not was_there:
                _remove_empty(work, path)
            raise
        work.files_changed = True
    return mailbox_id


def _remove_empty(work: AccountWork, path: str) -> None:
    """Remove a folder that could not be made. If it has a message by now, it stays."""
    folder, system = work.path_of(path), work.disk.system
    work.known.pop(path, None)
    try:
        for name in ("new", "cur", "tmp"):
            with suppress(FileNotFoundError):
                system.remove_folder(os.path.join(folder, name))
        for name in os.listdir(folder):
            system.remove(os.path.join(folder, name))
        system.remove_folder(folder)
    except OSError:
        return  # it is completed when it is used


def remove(work: AccountWork, name: str) -> StoreRefusal | None:
    """See IAccountMail.remove. Raises OSError, sqlite3.Error."""
    place = found(work, name)
    if isinstance(place, StoreRefusal):
        return place
    if not place.path:
        return INBOX_STAYS
    gone = removed_path(work.root, work.disk.now())
    work.disk.settle(())  # a message of the folder must not come back after a power cut
    with work.transaction() as cache:
        row = folder_row(cache, place.path)
        work.disk.system.rename(work.path_of(place.path), gone)
        work.files_changed = True
        work.known.pop(place.path, None)
        if row is not None:
            remove_folder(cache, row.id)
    work.disk.settle(())  # for mail that came meanwhile
    shutil.rmtree(gone, ignore_errors=True)
    work.disk.system.sync_folder(work.root)
    SpecialUses(work).take(place.name)
    return None


def rename(work: AccountWork, old: str, new: str) -> StoreRefusal | None:
    """See IAccountMail.rename. Raises OSError, sqlite3.Error."""
    old, new = canonical(old), canonical(new.removesuffix("/"))
    names = directories(work)
    below = [name for name in names if name.startswith(f"{old}/") and old != INBOX]
    if old not in names and not below:
        return NO_SUCH
    targets = {}
    for name in ([old] if old in names else []) + below:
        target = new + name[len(old) :]
        path = directory_of(target)
        if isinstance(path, UnfitName):
            return StoreRefusal(Reason.CANNOT, path.text)
        if target in names:
            return EXISTS
        targets[name] = path
    if old == INBOX:
        return _rename_inbox(work, new)
    paths = {names[name]: path for name, path in targets.items()}
    work.disk.settle(())  # a message that a power cut takes is made again under its old path
    with work.transaction() as cache:
        _rename_subscriptions(work, old, new)  # first, as it may wait for a lock
        try:
            _rename_directories(work, paths)
        except OSError:
            with suppress(OSError):
                _rename_subscriptions(work, new, old)
            raise
        work.files_changed = True
        for path in (*paths, *paths.values()):
            work.known.pop(path, None)
        _rename_rows(cache, paths)
    work.disk.settle(())  # for mail that came meanwhile
    work.disk.system.sync_folder(work.root)
    SpecialUses(work).rename(old, new)
    return None


def _rename_directories(work: AccountWork, paths: Mapping[str, str]) -> None:
    """Give directories other paths: all, or none of them. Raises OSError."""
    renamed: list[tuple[str, str]] = []
    try:
        for old, new in paths.items():
            work.disk.system.rename(work.path_of(old), work.path_of(new))
            renamed.append((old, new))
    except OSError:
        for old, new in reversed(renamed):
            with suppress(OSError):
                work.disk.system.rename(work.path_of(new), work.path_of(old))
        raise


def _rename_rows(cache: sqlite3.Connection, paths: Mapping[str, str]) -> None:
    """Have the cache know folders by their new paths. Raises sqlite3.Error."""
    for old, new in paths.items():
        row, stale = folder_row(cache, old), folder_row(cache, new)
        if stale is not None:  # another program has removed that folder
            remove_folder(cache, stale.id)
        if row is not None:
            write_row(cache, row.moved_to(new))


def _rename_inbox(work: AccountWork, new: str) -> StoreRefusal | None:
    """The messages move to a new folder, and INBOX is empty (RFC 9051 §6.3.6)."""
    made = create(work, new, "")
    if isinstance(made, StoreRefusal):
        return made
    path = directory_of(new)
    assert isinstance(path, str)
    try:
        move(work, "", list(refreshed(work, "").view.uids), path)
    except (OSError, sqlite3.Error) as error:
        if is_locked(error):  # nothing has moved, and this is tried again
            remove(work, new)
        raise
    return None


def _rename_subscriptions(work: AccountWork, old: str, new: str) -> None:
    names = [
        name
        for name in _subscriptions(work).read().names()
        if name == old or name.startswith(f"{old}/")
    ]
    if names:
        _subscriptions(work).change(add=[new + name[len(old) :] for name in names], remove=names)


def subscribe(work: AccountWork, name: str, subscribed: bool) -> StoreRefusal | None:
    """See IAccountMail.subscribe. Raises OSError."""
    name = canonical(name)
    path = directory_of(name)
    if subscribed and isinstance(path, UnfitName):
        return StoreRefusal(Reason.CANNOT, path.text)
    directories(work)
    if subscribed:
        _subscriptions(work).change(add=[name])
    else:
        _subscriptions(work).change(remove=[name])
    return None


def _subscriptions(work: AccountWork) -> SubscriptionsFile:
    disk = work.disk
    return SubscriptionsFile(work.root, disk.system, disk.dotlocks, work.patience.seconds)


@dataclass(frozen=True, slots=True)
class Counted:
    """The content of all folders: octets on the wire, and messages."""

    octets: int
    messages: int


def counted(work: AccountWork) -> Counted:
    """Return what all folders hold, as the cache knows it. Raises OSError, sqlite3.Error."""
    folders = [_status(sized(work, path)) for path in directories(work).values()]
    return Counted(sum(each.size for each in folders), sum(each.messages for each in folders))
