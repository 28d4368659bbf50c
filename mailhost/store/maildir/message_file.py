"""Opens the file of a message, and nothing else that may lie in its place.

A user who can write into a Maildir can put a symbolic link there, and this host may read what that
user may not. A pipe would block its reader, and a device has no end.
"""

from __future__ import annotations

import errno
import os
from stat import S_ISREG

from mailhost.message.content import Content, content_of_descriptor

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def open_file(path: str, directory: int | None = None) -> int:
    """Return a descriptor of the regular file at `path`, or of that name in the directory with this
    descriptor. Raises FileNotFoundError where there is none, OSError."""
    descriptor = _opened(path, directory)
    try:
        _check(descriptor, path)
    except FileNotFoundError:
        os.close(descriptor)
        raise
    return descriptor


def read_file(name: str, directory: int, most: int, size: int) -> bytes:
    """Return up to `most` octets of the regular file of that name in the directory with this
    descriptor. Raises as `open_file`.

    `size` are the octets that it probably has, 0 for unknown. Where it has as many, it is not
    examined by fstat(2): no device has so few.
    """
    descriptor = _opened(name, directory)
    try:
        if 0 < size < most:
            octets = _first(descriptor, size + 1)
            if len(octets) == size:
                return octets
        _check(descriptor, name)
        return os.pread(descriptor, most, 0)
    finally:
        os.close(descriptor)


def _first(descriptor: int, size: int) -> bytes:
    try:
        return os.read(descriptor, size)
    except OSError:  # a directory, or a pipe
        return b""


def _check(descriptor: int, path: str) -> None:
    if not S_ISREG(os.fstat(descriptor).st_mode):
        raise FileNotFoundError(errno.ENOENT, "no regular file", path)


def _opened(path: str, directory: int | None) -> int:
    try:
        return os.open(path, _FLAGS, dir_fd=directory)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link, or a socket
            raise FileNotFoundError(errno.ENOENT, "no regular file", path) from error
        raise


def content_of_message(path: str) -> Content:
    """Return the octets of the regular file at `path`. Raises as `open_file`."""
    return content_of_descriptor(open_file(path))
