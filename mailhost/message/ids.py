"""Unique names for sessions, queue entries, messages and Maildir files."""

from __future__ import annotations

import itertools
import os
import random
import secrets
import time
from functools import lru_cache

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]  # ten bits each
_SHIFTS = range(70, -1, -10)
_counter = itertools.count(secrets.randbelow(1 << 20))


def new_id() -> str:
    """Return 16 letters and digits: a time, a random part, a counter.

    The ids of one process sort by time, except for those of one microsecond. The random part
    distinguishes the ids that two processes make in the same microsecond.
    """
    number = time.time_ns() // 1000 << 26 | random.getrandbits(12) << 14 | next(_counter) & 0x3FFF
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in _SHIFTS])


def maildir_name(hostname: str, now: float) -> str:
    """Return the unique part of a Maildir file name, in the form of the Maildir specification.

    `now` is in seconds since the epoch.
    """
    seconds, micro = divmod(int(now * 1_000_000), 1_000_000)
    return f"{seconds}.M{micro}P{os.getpid()}Q{next(_counter)}.{_escaped(hostname)}"


@lru_cache(maxsize=10)
def _escaped(hostname: str) -> str:
    return hostname.replace("/", "\\057").replace(":", "\\072").replace(",", "\\054")
