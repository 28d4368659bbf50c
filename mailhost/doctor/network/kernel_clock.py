"""Asks the kernel whether the clock is synchronised: adjtimex(2), ntp_adjtime(3).

Every user may read the state. The structure is that of the C library: its first field has the
changes that are wanted, none of which are wanted here, so it may stay all zeros.
"""

from __future__ import annotations

import ctypes
from enum import Enum

_SIZE = 128  # of `long`: no system has a larger structure
_TIME_ERROR = 5  # the clock is not synchronised


class ClockState(Enum):
    """The states of the clock that the kernel distinguishes."""

    SYNCHRONISED = "synchronised"
    UNSYNCHRONISED = "not synchronised"
    UNKNOWN = "unknown"


def kernel_clock() -> ClockState:
    """Return the state of the clock; UNKNOWN where the system does not tell."""
    try:
        library = ctypes.CDLL(None)
        read = getattr(library, "ntp_adjtime", None) or getattr(library, "adjtimex", None)
    except (OSError, TypeError):
        return ClockState.UNKNOWN
    if read is None:
        return ClockState.UNKNOWN
    answer = int(read((ctypes.c_long * _SIZE)()))
    if answer < 0:
        return ClockState.UNKNOWN
    return ClockState.UNSYNCHRONISED if answer == _TIME_ERROR else ClockState.SYNCHRONISED
