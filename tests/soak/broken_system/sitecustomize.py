"""Makes the operating system fail for a mailhost that has this folder on its PYTHONPATH.

The first line of the file that MAILHOST_FAULT names says how; without a line all is well. It is
looked at before each call, in every process.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from mailhost.durable.system import OperatingSystem

SYNCS = ("sync", "sync_file_system", "sync_folder")
SECONDS = 3.0  # of a slow sync
PART = "/ann/"  # the Maildir that can be read-only

Call = Callable[..., Any]


def fault() -> str:
    """What is wrong now."""
    with open(os.environ["MAILHOST_FAULT"], encoding="ascii") as file:
        return file.readline().strip()


def _writing(arguments: tuple[Any, ...]) -> int:
    return {"ENOSPC": errno.ENOSPC, "EIO on write": errno.EIO}.get(fault(), 0)


def _syncing(arguments: tuple[Any, ...]) -> int:
    if fault() == "slow":
        time.sleep(SECONDS)
    return errno.EIO if fault() == "EIO on sync" else 0


def _creating(arguments: tuple[Any, ...]) -> int:
    return errno.EROFS if fault() == "read-only" and PART in str(arguments[0]) else 0


def _broken(call: Call, number_of: Callable[[tuple[Any, ...]], int]) -> Call:
    @wraps(call)
    def maybe(system: OperatingSystem, *arguments: Any) -> Any:
        number = number_of(arguments)
        if number:
            raise OSError(number, os.strerror(number))
        return call(system, *arguments)

    return maybe


for _name in SYNCS:
    setattr(OperatingSystem, _name, _broken(getattr(OperatingSystem, _name), _syncing))
for _name, _number_of in (("write", _writing), ("create", _creating)):
    setattr(OperatingSystem, _name, _broken(getattr(OperatingSystem, _name), _number_of))
