"""Replacing a small file as a whole: readers see the old octets or the new ones, also after a power
cut."""

from __future__ import annotations

import os
from contextlib import suppress

from mailhost.durable.system import OperatingSystem


def replace_file(
    system: OperatingSystem, path: str, temporary: str, octets: bytes, newer_than: float = 0.0
) -> None:
    """Write `octets` to the file `temporary`, make them durable, and give it the name `path`.

    Both lie in one folder. The caller has a lock, so a file of that temporary name is what a dead
    process left. The file's time of change is made later than `newer_than` by a second, for readers
    that compare whole seconds. Raises OSError; the old file is there then, if the new one is not.
    """
    with suppress(FileNotFoundError):
        system.remove(temporary)
    fd = system.create(temporary)
    try:
        try:
            if octets:
                system.write(fd, [octets])
            _make_newer(system, fd, temporary, newer_than)
            system.sync(fd)
        finally:
            system.close(fd)
        system.rename(temporary, path)
    except OSError:
        with suppress(OSError):
            system.remove(temporary)
        raise
    system.sync_folder(os.path.dirname(path))


def _make_newer(system: OperatingSystem, fd: int, path: str, newer_than: float) -> None:
    if newer_than and int(os.fstat(fd).st_mtime) <= int(newer_than):
        system.set_time(path, int(newer_than) + 1)


def read_file(path: str) -> bytes | None:
    """Return a file's octets, None where there is no such file. Raises OSError."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
