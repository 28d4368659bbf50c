"""The number of connections that fit into the limit of open files of a process.

Most systems begin with 1,024 descriptors and allow a process to raise that far. Where they do not,
fewer connections are accepted than the settings allow: a reply 421 is better than none.
"""

from __future__ import annotations

import os
import resource
from contextlib import suppress

RESERVED_DESCRIPTORS = 200  # not for connections of clients: for files, the relay, the log


def connections_that_fit(wanted: int) -> int:
    """Ask the system for as much as `wanted` connections with a large message each may take, and
    return how many fit."""
    needed = 2 * wanted + RESERVED_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _is_less(soft, needed):
        soft = _raise_limit(soft, hard, needed)
    return (
        max(min(wanted, soft - RESERVED_DESCRIPTORS), 1)
        if _is_less(soft, wanted + RESERVED_DESCRIPTORS)
        else wanted
    )


def _raise_limit(soft: int, hard: int, needed: int) -> int:
    """Return the limit after it was raised as far as may be."""
    attempts = [(min(needed, hard), hard)] if _is_less(hard, needed) else [(needed, hard)]
    if os.geteuid() == 0 and _is_less(hard, needed):
        attempts.insert(0, (needed, needed))
    for limits in attempts:
        if limits[0] > soft:
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, limits)
                return limits[0]
    return soft


def _is_less(limit: int, number: int) -> bool:
    return limit != resource.RLIM_INFINITY and limit < number
