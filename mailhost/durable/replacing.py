"""Replaces one small file durably, by the thread that asks for it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress

from mailhost.interfaces.changes import Change, NewFile, Results
from mailhost.message.content import Content


def replace_file(commit: Callable[[Sequence[Change]], Results], path: str, octets: bytes) -> None:
    """Write a file with mode 600 that has either its former content or `octets` after a crash.
    `commit` makes changes durable, as BlockingCommitter does. Blocks. Raises OSError."""
    temporary = f"{path}.new"
    with suppress(FileNotFoundError):
        os.unlink(temporary)  # a crash left it
    (error,) = commit([NewFile(temporary, path, (Content((octets,)),), replaces=True)])
    if error is not None:
        raise error
