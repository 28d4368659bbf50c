"""Reads the queue's folder for the doctor: it changes nothing, and needs no running host."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from mailhost.queue.spool import FoundEntry, UnreadableEntry, read_entry

MOST_READ = 5_000  # entries; a large queue takes 0.1 ms for each
LONGEST_READ = 2.5  # seconds


@dataclass(frozen=True, slots=True)
class QueueFiles:
    """The entries, those that cannot be read, the ids of states without a message, and the number
    of entries that were not read."""

    entries: tuple[FoundEntry, ...] = ()
    unreadable: tuple[UnreadableEntry, ...] = ()
    alone: tuple[str, ...] = ()
    left: int = 0


def read_queue(folder: str, steady: Callable[[], float] = time.monotonic) -> QueueFiles:
    """Read the oldest entries of a folder, up to the bounds. A running host may change the folder
    meanwhile. Blocks for the disk. Raises OSError."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    ids = sorted(name.removesuffix(".msg") for name in names if name.endswith(".msg"))
    states = {name.removesuffix(".state") for name in names if name.endswith(".state")}
    end = steady() + LONGEST_READ
    entries, unreadable, read = list[FoundEntry](), list[UnreadableEntry](), 0
    for id in ids[:MOST_READ]:
        if steady() > end:
            break
        read += 1
        result = read_entry(folder, id)
        if isinstance(result, FoundEntry):
            entries.append(result)
        elif result is not None:
            unreadable.append(result)
    alone = [id for id in sorted(states - set(ids)) if _is_alone(folder, id)]
    return QueueFiles(tuple(entries), tuple(unreadable), tuple(alone), len(ids) - read)


def _is_alone(folder: str, id: str) -> bool:
    """True if a state still has no message: one that is removed loses its message first, and a new
    one may get its state first."""
    message, state = (os.path.join(folder, f"{id}.{kind}") for kind in ("msg", "state"))
    return os.path.exists(state) and not os.path.exists(message)
