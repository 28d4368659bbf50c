"""How much lies in an account's folders. Everything blocks: call it in threads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

from mailhost.store.maildir.files import file_size, message_files
from mailhost.store.maildir.links import is_folder


def usage(path: str) -> int:
    """Return the octets of an account's messages, from their names where they tell. Raises OSError.

    `path` is the account's Maildir; none yet holds nothing.
    """
    return sum(_folder_usage(folder) for folder in _folders(path))


def _folder_usage(path: str) -> int:
    sizes: dict[str, int] = {}  # by name: a message that moves meanwhile counts once
    for entry, name in message_files(path):
        with suppress(FileNotFoundError):
            sizes[name.unique] = file_size(entry, name)
    return sum(sizes.values())


def _folders(path: str) -> Iterator[str]:
    yield path
    with suppress(FileNotFoundError), os.scandir(path) as entries:
        for entry in entries:
            if entry.name.startswith(".") and is_folder(entry):
                yield entry.path
