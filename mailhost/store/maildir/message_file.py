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
    try:
        descriptor = os.open(path, _FLAGS, dir_fd=directory)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link, or a socket
            raise FileNotFoundError(errno.ENOENT, "no regular file", path) from error
        raise
    if not S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(errno.ENOENT, "no regular file", path)
    return descriptor


def content_of_message(path: str) -> Content:
    """Return the octets of the regular file at `path`. Raises as `open_file`."""
    return content_of_descriptor(open_file(path))
