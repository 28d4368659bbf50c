"""The disk for operations on folders in tests, without the wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable

from mailhost.durable.blocking import BlockingCommitter
from mailhost.store.folders.disk import Disk
from mailhost.store.maildir.dotlock import Dotlocks
from tests.store.boxes import RealDisk


def disk_at(now: Callable[[], float] = time.time) -> Disk:
    """Return a Disk whose clock is `now`."""
    system = RealDisk()
    return Disk(system, Dotlocks(system), BlockingCommitter(system).commit, "mx.a.example", now)
