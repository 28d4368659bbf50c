"""The key from which SCRAM salts of unknown names are derived, kept in the data folder.

Salts of accounts never change. If the salts of unknown names changed, a client that asks before and
after a restart would learn which accounts exist (RFC 5802 §9). The file is not synced: if a crash
loses or damages it, a new key is made, and these salts change once.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress

KEY_SIZE = 32  # octets


def lasting_key(path: str) -> bytes:
    """Return the key in the file at `path`. The first call makes the file, which only its owner can
    read.

    Blocks for the disk. Raises OSError, also if `path` is a symbolic link.
    """
    with suppress(FileNotFoundError):
        key = _read(path)
        if len(key) == KEY_SIZE:
            return key
    key = secrets.token_bytes(KEY_SIZE)
    temporary = f"{path}.new"
    with suppress(FileNotFoundError):
        os.unlink(temporary)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with open(os.open(temporary, flags, 0o600), "wb") as file:
        file.write(key)
    os.rename(temporary, path)
    return key


def _read(path: str) -> bytes:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        return file.read(KEY_SIZE + 1)
