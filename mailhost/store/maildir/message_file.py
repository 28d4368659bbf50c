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
    if not S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(errno.ENOENT, "no regular file", path)
    return descriptor


def read_whole(name: str, directory: int, size: int) -> bytes | None:
    """Return the octets of the file with this name in the directory with this descriptor; None
    where they are not `size` octets, or are no file: then `open_file` says more. Raises as that.

    What has no more octets than a message and as many is read like one, whatever it is: fstat(2)
    takes a tenth of the time.
    """
    descriptor = _opened(name, directory)
    try:
        octets = os.read(descriptor, size + 1)
    except (IsADirectoryError, BlockingIOError):
        return None
    finally:
        os.close(descriptor)
    return octets if len(octets) == size else None


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
