"""Brings the files of the data folder to what the records of the log say. Blocks.

For each file the last record counts. A message that the log has is looked for at its path, and then
by its base name in all folders of its account, since readers rename and move messages. Where it is
whole, nothing is done; a damaged one is replaced where it is, and one that is nowhere is made again
at its path. Doing all that twice changes nothing.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from errno import EIO

from mailhost.durable.folders import Folders
from mailhost.durable.log.names import base_name
from mailhost.durable.log.places import Places, account_of
from mailhost.durable.log.reading import LogContents
from mailhost.durable.log.records import Kind, Record
from mailhost.durable.system import OperatingSystem

_SUFFIX = (
    ".recovered.tmp"  # of files that are being written; the queue removes its own at its start
)


@dataclass(slots=True)
class Replayed:
    """`made` were nowhere, `mended` were damaged, `removed` had come back. `seen` are the paths of
    all files that the log has, and of the folders of those that it has not."""

    made: int = 0
    mended: int = 0
    removed: int = 0
    seen: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _File:
    """The last record of a file, all paths that its records have, and the last one with octets."""

    record: Record
    paths: list[str]
    content: Record | None


class Replay:
    """`data` is the path of the data folder. `running` is for a log that is in use, while others
    change files too: files that are nowhere then were removed, and none is removed. Files are read
    from the disk then, past the memory of the kernel."""

    def __init__(
        self, system: OperatingSystem, data: str, contents: LogContents, running: bool = False
    ) -> None:
        self._system = system
        self._data = data
        self._contents = contents
        self._running = running
        self._places = Places(system)
        self._folders = Folders(system, set())
        self._done = Replayed()

    def run(self) -> Replayed:
        """Do it all. Raises OSError, with the path of the file as its `filename`."""
        for file in self._files():
            path = file.paths[-1]
            try:
                if file.record.kind == Kind.FILE:
                    self._restore(path, file.record)
                elif not self._running:
                    self._remove(file.paths)
                elif file.content is not None:  # the write of the removal may have failed
                    self._restore(path, file.content)
            except OSError as error:
                raise OSError(error.errno, error.strerror or str(error), path) from error
        return self._done

    def _files(self) -> list[_File]:
        """Return the files in the order of their last records."""
        files: dict[tuple[str, str], _File] = {}
        for record in self._contents.records:
            name = os.fsdecode(record.path)
            if not name or ".." in name.split("/") or "\0" in name:
                continue  # no record of ours
            path = os.path.join(self._data, name)
            account = account_of(path)
            key = (account, base_name(path)) if account else ("", path)
            before = files.pop(key, None)
            paths = [*before.paths, path] if before else [path]
            content = before.content if before else None
            files[key] = _File(record, paths, record if record.kind == Kind.FILE else content)
        return list(files.values())

    # --- files that are there --------------------------------------------------------------------

    def _restore(self, path: str, record: Record) -> None:
        body = self._contents.body(record)
        state = self._is_whole(path, body)
        found = [] if state is not None else self._places.anywhere(path)
        for other in found:
            state = self._is_whole(other, body)
            if state is not None:
                path = other
                break
        if state:
            self._done.seen.add(path)
        elif state is None and self._running:
            return
        else:
            self._write(path, body, record)
            if state is None:
                self._done.made += 1
            else:
                self._done.mended += 1

    def _is_whole(self, path: str, body: memoryview) -> bool | None:
        """True for a file that has these octets, False for another one, None for none."""
        try:
            self._system.forget_cached(path)
            return self._system.read(path) == body
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno == EIO:  # the disk cannot read what it has
                return False if self._system.exists(path) else None
            raise

    def _write(self, path: str, body: memoryview, record: Record) -> None:
        """Write a file, without a sync: until all is synced the log has it."""
        system, folder = self._system, os.path.dirname(path)
        account = account_of(path)
        if self._running and account:
            self._write_over(path, body)
            return
        temporary = f"{account}/tmp/{base_name(path)}{_SUFFIX}" if account else path + _SUFFIX
        self._folders.make(folder)
        self._folders.make(os.path.dirname(temporary))
        with suppress(FileNotFoundError):
            system.remove(temporary)
        fd = system.create(temporary)
        try:
            system.write(fd, [bytes(body)])
            with suppress(OSError, OverflowError):
                system.set_time_of(fd, record.modified / 1_000_000_000)
        finally:
            system.close(fd)
        system.rename(temporary, path)
        self._places.made(path)
        self._done.seen.add(path)

    def _write_over(self, path: str, body: memoryview) -> None:
        """Write the octets of a message again, whose name readers may change meanwhile."""
        fd = self._system.open_to_mend(path)
        try:
            self._system.write_at(fd, bytes(body), 0)
            self._system.truncate(fd, len(body))
            self._system.sync(fd)
        finally:
            self._system.close(fd)
        self._done.seen.add(path)

    # --- files that are gone ---------------------------------------------------------------------

    def _remove(self, paths: list[str]) -> None:
        """Remove a file wherever one of its records had it."""
        for path in dict.fromkeys(paths):
            for each in {path, *self._places.beside(path)}:
                with suppress(FileNotFoundError, NotADirectoryError):
                    self._system.remove(each)
                    self._done.removed += 1
                self._places.removed(each)
            self._done.seen.add(os.path.dirname(path))
