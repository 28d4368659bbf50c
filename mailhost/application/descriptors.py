"""How many connections fit into what the system lets a process open.

Most systems begin with 1,024 descriptors and allow far more to who asks. Where they do not, fewer
connections are let in than the settings say: a client is better told 421 than not accepted at all.
"""

from __future__ import annotations

import os
import resource
from contextlib import suppress

RESERVE = 200  # descriptors that are no connections of clients: files, the relay's, the log


def connections_that_fit(wanted: int) -> int:
    """Ask the system for as much as `wanted` connections with a large message each may take, and
    return how many fit."""
    needed = 2 * wanted + RESERVE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _less(soft, needed):
        soft = _raised(soft, hard, needed)
    return max(min(wanted, soft - RESERVE), 1) if _less(soft, wanted + RESERVE) else wanted


def _raised(soft: int, hard: int, needed: int) -> int:
    """Return the limit after it was raised as far as may be."""
    attempts = [(min(needed, hard), hard)] if _less(hard, needed) else [(needed, hard)]
    if os.geteuid() == 0 and _less(hard, needed):
        attempts.insert(0, (needed, needed))
    for limits in attempts:
        if limits[0] > soft:
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
                return limits[0]
    return soft


def _less(limit: int, number: int) -> bool:
    return limit != resource.RLIM_INFINITY and limit < number
