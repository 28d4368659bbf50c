"""How each kind of change is made: what a batch calls, step by step, for each of its changes.

`prepare` brings a change as far as a file that is open and complete, where there is one; the batch
syncs and closes it. `name` makes the change visible. Then the batch syncs the folder that gains a
name, and the folder that loses one. `undo` follows a failure in any of these. All of them block.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

from mailhost.durable.folders import Folders
from mailhost.interfaces.changes import (
    Change,
    LinkedFile,
    MadeFolder,
    NewFile,
    RemovedFile,
    RenamedFile,
    WrittenFile,
)

LARGEST_WRITE = 1 << 18  # octets written by one call: a small message is one
MOST_CHUNKS = 500  # written by one call


class Work:
    """One change under way. `gains` and `loses` are folders whose names it changes, or empty."""

    __slots__ = ("error", "fd", "gains", "loses", "named", "names_file", "synced", "written")

    def __init__(self, gains: str, loses: str) -> None:
        self.gains = gains
        self.loses = loses
        self.fd = -1  # open until it was synced
        self.synced = False  # or is by another one's sync
        self.names_file = False  # `name` needs no `prepare`: the file is there
        self.written = ""  # a file to be synced before the folders
        self.named = False
        self.error: OSError | None = None  # what stopped it

    def prepare(self, folders: Folders) -> None:
        """Write or open the file. Raises OSError."""

    def name(self, folders: Folders) -> None:
        """Make the change visible, unless it is already. Raises OSError."""

    def undo(self, folders: Folders) -> None:
        """Leave nothing under the final name. Raises OSError, which is ignored."""

    def _rename_or_link(
        self, folders: Folders, call: Callable[[str, str], None], old: str, new: str
    ) -> None:
        """Rename or link a file, and make the folder of the new name where it is missing."""
        try:
            call(old, new)
        except FileNotFoundError:
            folders.make(self.gains)
            call(old, new)
        self.named = True


class NewFileWork(Work):
    """See NewFile. A file that replaced an older one stays, as that cannot be restored."""

    __slots__ = ("_change", "_made")

    def __init__(self, change: NewFile) -> None:
        super().__init__(os.path.dirname(change.final), "")
        self._change = change
        self._made = False

    def prepare(self, folders: Folders) -> None:
        """Write the file under its temporary name."""
        change, system = self._change, folders.system
        if change.again and self._is_complete(folders):
            self._made = self.named = True
            return
        self.fd = self._create(folders)
        self._made = True
        waiting: list[bytes] = []
        size = 0
        for content in change.contents:
            for chunk in content.chunks():
                waiting.append(chunk)
                size += len(chunk)
                if size >= LARGEST_WRITE or len(waiting) == MOST_CHUNKS:
                    system.write(self.fd, waiting)
                    waiting, size = [], 0
        if waiting:
            system.write(self.fd, waiting)
        if change.modified is not None:
            with suppress(OSError, OverflowError):
                system.set_time_of(self.fd, change.modified)

    def _is_complete(self, folders: Folders) -> bool:
        """True where the file was renamed already, and so is written and synced. One that was not
        is begun anew."""
        change, system = self._change, folders.system
        if not change.replaces and system.exists(change.final):
            return True
        with suppress(FileNotFoundError):
            system.remove(change.temporary)
        return False

    def _create(self, folders: Folders) -> int:
        change, system = self._change, folders.system
        try:
            return system.create(change.temporary)
        except FileNotFoundError:
            folders.make(os.path.dirname(change.temporary))
            if change.beside:  # its name is synced with those of the others, by `root`
                folders.make(change.beside)
            return system.create(change.temporary)

    def name(self, folders: Folders) -> None:
        """Rename the file to its final name."""
        if self.named:
            return
        self._rename_or_link(
            folders, folders.system.rename, self._change.temporary, self._change.final
        )

    def undo(self, folders: Folders) -> None:
        """Remove the file."""
        change = self._change
        if self._made and not (self.named and change.replaces):
            folders.system.remove(change.final if self.named else change.temporary)


class RemovedFileWork(Work):
    """See RemovedFile."""

    __slots__ = ("_path",)

    def __init__(self, change: RemovedFile) -> None:
        super().__init__("", os.path.dirname(change.path))
        self._path = change.path

    def name(self, folders: Folders) -> None:
        """Remove the file."""
        with suppress(FileNotFoundError):
            folders.system.remove(self._path)


class RenamedFileWork(Work):
    """See RenamedFile."""

    __slots__ = ("_change",)

    def __init__(self, change: RenamedFile) -> None:
        gains, loses = os.path.dirname(change.new), os.path.dirname(change.old)
        super().__init__(gains, loses if loses != gains else "")
        self._change = change
        self.names_file = not change.again

    def prepare(self, folders: Folders) -> None:
        """Open the file."""
        change, system = self._change, folders.system
        try:
            self.fd = system.open_file(change.old)
        except FileNotFoundError:
            if not (change.again and system.exists(change.new)):
                raise
            self.fd = system.open_file(change.new)
            self.named = True

    def name(self, folders: Folders) -> None:
        """Rename the file."""
        if self.named:
            return
        self._rename_or_link(folders, folders.system.rename, self._change.old, self._change.new)

    def undo(self, folders: Folders) -> None:
        """Give the file its old name back."""
        if self.named:
            folders.system.rename(self._change.new, self._change.old)


class LinkedFileWork(Work):
    """See LinkedFile."""

    __slots__ = ("_change",)

    def __init__(self, change: LinkedFile) -> None:
        super().__init__(os.path.dirname(change.final), "")
        self._change = change
        self.names_file = not change.again

    def prepare(self, folders: Folders) -> None:
        """Open the file."""
        change, system = self._change, folders.system
        try:
            self.fd = system.open_file(change.source)
        except FileNotFoundError:
            if not (change.again and system.exists(change.final)):
                raise
            self.fd = system.open_file(change.final)
            self.named = True
        else:
            self.named = change.again and system.same_file(change.source, change.final)

    def name(self, folders: Folders) -> None:
        """Link the file."""
        if self.named:
            return
        self._rename_or_link(folders, folders.system.link, self._change.source, self._change.final)

    def undo(self, folders: Folders) -> None:
        """Remove the link."""
        if self.named:
            folders.system.remove(self._change.final)


class MadeFolderWork(Work):
    """See MadeFolder."""

    __slots__ = ()

    def __init__(self, change: MadeFolder) -> None:
        super().__init__(change.path, "")

    def name(self, folders: Folders) -> None:
        """Make the folder."""
        if folders.system.is_folder(self.gains):
            return
        folders.make(os.path.dirname(self.gains))
        folders.system.make_folder(self.gains)
        folders.forget(self.gains)
        self.named = True

    def undo(self, folders: Folders) -> None:
        """Remove the folder where it is empty."""
        if self.named:
            folders.system.remove_folder(self.gains)


class WrittenFileWork(Work):
    """See WrittenFile."""

    __slots__ = ()

    def __init__(self, change: WrittenFile) -> None:
        super().__init__("", "")
        self.written = change.path


def work_of(change: Change) -> Work:
    """Return the work for a change."""
    if isinstance(change, NewFile):  # nearly always
        return NewFileWork(change)
    if isinstance(change, RemovedFile):
        return RemovedFileWork(change)
    if isinstance(change, RenamedFile):
        return RenamedFileWork(change)
    if isinstance(change, LinkedFile):
        return LinkedFileWork(change)
    if isinstance(change, WrittenFile):
        return WrittenFileWork(change)
    return MadeFolderWork(change)
