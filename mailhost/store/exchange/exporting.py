"""Exports the folders of an account to a Maildir or to mbox files.

The Maildir is one that Dovecot can take as it is: Maildir++, with UIDs, keywords and subscriptions.
A second export to the same place adds what is new; messages that were removed here since stay
there. For mbox files `.mailhost-export` says how far each file is written.

Everything blocks, and raises OSError and sqlite3.Error.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.changes import MadeFolder, NewFile
from mailhost.interfaces.folders import FolderView
from mailhost.message.flags import flag_names
from mailhost.store.exchange.mbox import written
from mailhost.store.exchange.progress import Result, Rights, TransferProgress
from mailhost.store.folders import tree
from mailhost.store.folders.account_work import AccountWork, KnownFolder
from mailhost.store.folders.file_names import message_paths
from mailhost.store.folders.measuring import dated
from mailhost.store.folders.reading import contents
from mailhost.store.folders.refresh import refreshed
from mailhost.store.maildir import keywords, subscriptions, uid_list_file
from mailhost.store.maildir.filename import new_unique
from mailhost.store.maildir.flags import base_of
from mailhost.store.maildir.folder_names import INBOX
from mailhost.store.maildir.message_file import content_of_message
from mailhost.store.maildir.uid_list import parse
from mailhost.store.maildir.uid_list_file import UidListFile
from mailhost.store.maildir.whole_file import read_file, replace_file

AT_ONCE = 100  # messages that are written at once
STATE = ".mailhost-export"


class CannotExport(ValueError):
    """There is something else in the place to export to."""


class MaildirExport:
    """An export to the Maildir at `target`. `writing` gives the rights to write there."""

    def __init__(
        self, work: AccountWork, target: str, writing: Rights, progress: TransferProgress
    ) -> None:
        self._work = work
        self._target = target
        self._writing = writing
        self._progress = progress
        self._system = OperatingSystem()
        self._commit = BlockingCommitter(self._system).commit

    def folder(self, place: tree.Place) -> Result:
        """Export one folder. Raises CannotExport."""
        work = self._work
        known = refreshed(work, place.path)
        list_file = UidListFile(work.path_of(place.path), work.disk.system, work.disk.dotlocks)
        part = list_file.read()
        names = read_file(os.path.join(work.path_of(place.path), keywords.NAME))
        target = os.path.join(self._target, place.path) if place.path else self._target
        self._progress.begin(place.name, len(known.view.uids))
        with self._writing():
            there = self._prepared(target, place, known)
        moved = 0
        for some in _parts(known.view.uids):
            moved += self._copied(known, some, target, there)
            self._progress.advance(len(some))
        with self._writing():
            if names:
                self._write(target, keywords.NAME, names)
            if part is not None:
                text = part.uid_list.text().encode("utf-8", "surrogateescape")
                self._write(target, uid_list_file.NAME, text)
        return Result(place.name, moved, len(known.view.uids) - moved)

    def subscriptions(self) -> None:
        """Export the subscriptions."""
        octets = read_file(os.path.join(self._work.root, subscriptions.NAME))
        if octets:
            with self._writing():
                self._write(self._target, subscriptions.NAME, octets)

    def _prepared(self, target: str, place: tree.Place, known: KnownFolder) -> dict[str, str]:
        """Make the target; return the names of the files that are there by base name."""
        octets = read_file(os.path.join(target, uid_list_file.NAME))
        uid_list = None if octets is None else parse(octets)
        if uid_list is not None and uid_list.header.uid_validity != known.row.uid_validity:
            raise CannotExport(f"{target} has other mail, with another UIDVALIDITY")
        parts = [MadeFolder(os.path.join(target, name)) for name in ("tmp", "new", "cur")]
        for error in self._commit(parts):
            if error is not None:
                raise error
        if place.path:
            self._write(target, "maildirfolder", b"")
        return {base_of(name): name for name in os.listdir(os.path.join(target, "cur"))}

    def _copied(
        self, known: KnownFolder, uids: Sequence[int], target: str, there: dict[str, str]
    ) -> int:
        """Copy some messages, and give those that are there the flags that they have now."""
        found = []
        for path in message_paths(self._work, known, uids).values():
            name = os.path.basename(path)
            old = there.get(base_of(name))
            if old is None:
                try:
                    date = int(os.lstat(path).st_mtime)
                    found.append((name, content_of_message(path), date))
                except FileNotFoundError:
                    continue  # expunged, or renamed: the next export has it
            elif old != name:
                with self._writing():
                    os.rename(os.path.join(target, "cur", old), os.path.join(target, "cur", name))
        with self._writing():
            changes = [
                NewFile(
                    os.path.join(target, "tmp", new_unique("export", self._work.disk.now())),
                    os.path.join(target, "cur", name),
                    (content,),
                )
                for name, content, _ in found
            ]
            for error in self._commit(changes):
                if error is not None:
                    raise error
            for change, (_, _, date) in zip(changes, found, strict=True):
                os.utime(change.final, (date, date))
        return len(found)

    def _write(self, target: str, name: str, octets: bytes) -> None:
        path = os.path.join(target, name)
        replace_file(self._system, path, f"{path}.tmp", octets)


@dataclass(frozen=True, slots=True)
class _State:
    """How far an mbox file is written: up to a UID, and up to `size` octets."""

    uid_validity: int
    last_uid: int
    size: int


class MboxExport:
    """An export to mbox files below the folder at `target`, such as `Archive/2024.mbox`, in the
    form mboxrd. `writing` gives the rights to write there."""

    def __init__(
        self, work: AccountWork, target: str, writing: Rights, progress: TransferProgress
    ) -> None:
        self._work = work
        self._target = target
        self._writing = writing
        self._progress = progress
        self._system = OperatingSystem()
        with writing():
            os.makedirs(target, mode=0o700, exist_ok=True)
            octets = read_file(os.path.join(target, STATE)) or b"{}"
        self._states = {name: _State(**state) for name, state in json.loads(octets).items()}

    def folder(self, place: tree.Place) -> Result:
        """Export one folder. Raises CannotExport."""
        known = dated(self._work, place.path)
        view = known.view
        path = os.path.join(self._target, *f"{place.name}.mbox".split("/"))
        state = self._states.get(place.name)
        if state is not None and state.uid_validity != view.uid_validity:
            raise CannotExport(f"{path} has other mail, with another UIDVALIDITY")
        wanted = [uid for uid in view.uids if state is None or uid > state.last_uid]
        self._progress.begin(place.name, len(wanted))
        with self._writing():
            fd = _opened(path, state)
            if state is None:
                self._save(place.name, _State(view.uid_validity, 0, 0))
        try:
            for some in _parts(wanted):
                self._append(fd, place, known, some)
                self._progress.advance(len(some))
        finally:
            os.close(fd)
        return Result(place.name, len(wanted), len(view.uids) - len(wanted))

    def _append(self, fd: int, place: tree.Place, known: KnownFolder, uids: Sequence[int]) -> None:
        view = known.view
        found = contents(self._work, place.path, uids)
        for uid in uids:
            if uid in found:
                first = not os.lseek(fd, 0, os.SEEK_CUR)
                _write_all(fd, _as_mbox(view, uid, found[uid].read(), first))
        os.fsync(fd)
        size = os.lseek(fd, 0, os.SEEK_CUR)
        with self._writing():
            self._save(place.name, _State(view.uid_validity, uids[-1], size))

    def _save(self, name: str, state: _State) -> None:
        self._states[name] = state
        path = os.path.join(self._target, STATE)
        states = {name: asdict(each) for name, each in self._states.items()}
        replace_file(self._system, path, f"{path}.tmp", json.dumps(states).encode())


def _opened(path: str, state: _State | None) -> int:
    """Open a file to append to, cut off behind the last message that is there for sure."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(path, flags, 0o600)
    found, expected = os.fstat(fd).st_size, state.size if state is not None else 0
    if found < expected or (found and state is None):
        os.close(fd)
        raise CannotExport(f"{path} is no file of an earlier export; name an empty folder")
    os.ftruncate(fd, expected)
    os.lseek(fd, expected, os.SEEK_SET)
    return fd


def _as_mbox(view: FolderView, uid: int, text: bytes, first: bool) -> bytes:
    index = view.index_of(uid)
    assert index is not None
    flags = flag_names(view.flags[index], view.keywords)
    return written(text, flags, uid, view.dates[index], view.uid_validity if first else None)


def _write_all(fd: int, octets: bytes) -> None:
    rest = memoryview(octets)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _parts(uids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(uids), AT_ONCE):
        yield list(uids[start : start + AT_ONCE])


def places(work: AccountWork, folders: Sequence[str]) -> list[tree.Place]:
    """Return where these folders are, all of them for none; INBOX first. Those that do not exist
    are left out."""
    paths = tree.directories(work)
    names = sorted(paths, key=lambda name: (name != INBOX, name))
    return [tree.Place(name, paths[name]) for name in names if not folders or name in folders]
