"""Unique names for sessions, queue entries and messages."""

from __future__ import annotations

import itertools
import random
import secrets
import time

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
