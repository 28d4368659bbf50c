"""How long an operation on an account waits for locks that other programs or processes have.

An operation that runs in a thread of the pool must not keep the thread for long. It waits for a
moment, and gives the thread back with `Busy`; its caller tries again until the last attempt.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from mailhost.store.maildir.dotlock import LockTimeout

TOTAL = 15.0  # seconds after which an operation is given up


class Busy(Exception):
    """Another program has a lock. Changes of the operation were taken back."""


@dataclass(frozen=True, slots=True)
class Patience:
    """`seconds` that one attempt waits for each lock. After the `last` attempt a reading goes on
    without the lock, and other operations are refused."""

    seconds: float
    last: bool = False


BLOCKING = Patience(TOTAL, last=True)  # for a program that has nothing else to do
FIRST = Patience(0.25)
AGAIN = Patience(0.02)
LAST = Patience(0.02, last=True)

SHORTEST_PAUSE, LONGEST_PAUSE = 0.02, 0.3  # seconds between two attempts


def is_locked(error: Exception) -> bool:
    """True where an operation failed because others have a lock."""
    if isinstance(error, sqlite3.OperationalError):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
    return isinstance(error, LockTimeout)
