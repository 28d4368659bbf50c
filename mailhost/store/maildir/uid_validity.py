"""The UIDVALIDITY and the GUID of a new folder.

A folder that is removed and made again must get a higher UIDVALIDITY (RFC 9051 §2.3.1.1). Seconds
since 1970 are high enough unless the clock is set back or two folders are made in one second, so an
account has a mark. It is Dovecot's: `dovecot-uidvalidity` holds the last number given, as eight
hexadecimal digits, and an empty file beside it has that number in its name. A number is taken by
renaming that file to the next one, so that two programs never take the same.
"""

from __future__ import annotations

import os
import re
import secrets
from contextlib import suppress

from mailhost.durable.system import OperatingSystem
from mailhost.store.maildir.whole_file import read_file, replace_file

NAME = "dovecot-uidvalidity"
ATTEMPTS = 100
_MARK = re.compile(rf"{NAME}\.([0-9a-f]{{8}})")
_LARGEST = (1 << 32) - 1


def new_uid_validity(system: OperatingSystem, account: str, now: float) -> int:
    """Take the next UIDVALIDITY of the account at that path; `now` is in seconds since 1970.

    It is never given again: the mark is on the disk. Raises OSError.
    """
    for _ in range(ATTEMPTS):
        marks = _marks(account)
        number = max(int(now), max([_written(account), *marks]) + 1)
        if number > _LARGEST:
            number = max(marks, default=0) + 1
        if _taken(system, account, marks, number):
            path = os.path.join(account, NAME)
            replace_file(system, path, f"{path}.{secrets.token_hex(8)}.tmp", b"%08x" % number)
            return number
    raise OSError(f"{account}/{NAME} is changed by another program all the time")


def raise_mark(system: OperatingSystem, account: str, number: int) -> None:
    """Give no UIDVALIDITY up to `number` to a new folder of the account. Raises OSError."""
    if number > max([_written(account), *_marks(account)]):
        path = os.path.join(account, NAME)
        replace_file(system, path, f"{path}.{secrets.token_hex(8)}.tmp", b"%08x" % number)


def _marks(account: str) -> list[int]:
    matches = map(_MARK.fullmatch, os.listdir(account))
    return sorted(int(match[1], 16) for match in matches if match)


def _written(account: str) -> int:
    octets = read_file(os.path.join(account, NAME)) or b""
    return int(octets, 16) if re.fullmatch(rb"[0-9a-fA-F]{8}", octets) else 0


def _taken(system: OperatingSystem, account: str, marks: list[int], number: int) -> bool:
    """True where no other program took a number at the same time."""
    path = os.path.join(account, f"{NAME}.{number:08x}")
    try:
        if marks:
            system.rename(os.path.join(account, f"{NAME}.{marks[-1]:08x}"), path)
        else:
            system.close(system.create(path))
    except (FileNotFoundError, FileExistsError):
        return False
    for old in marks[:-1]:
        with suppress(OSError):
            system.remove(os.path.join(account, f"{NAME}.{old:08x}"))
    return True


def new_guid() -> str:
    """Return the GUID of a new mailbox: 128 bits, as 32 hexadecimal digits."""
    return secrets.token_hex(16)
