"""Changes what a sync costs in each process of a host that is measured.

Python imports this module when it starts, where PYTHONPATH names this folder. The variable VARIABLE
has the milliseconds that each sync takes longer, or SKIP for no syncs at all. The host's own code
stays as it is: the methods of its `OperatingSystem` that wait for the disk are replaced.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

VARIABLE = "MAILHOST_BENCH_SYNC"
SKIP = "skip"
SYNCS = ("sync", "sync_file_system", "sync_folder")
DURABLE_WRITE = "write_durably"  # checkouts with a log have it

Method = Callable[..., Any]


def change(system: type, wish: str) -> None:
    """Replace the methods of the class `system`. Raises ValueError for another `wish`."""
    for name in (*SYNCS, DURABLE_WRITE):
        method = getattr(system, name, None)
        if method is None:
            continue
        if wish != SKIP:
            setattr(system, name, _slower(method, float(wish) / 1000))
        elif name in SYNCS:
            setattr(system, name, _nothing)
    if wish == SKIP:
        setattr(os, "RWF_DSYNC", 0)  # noqa: B010 - a durable write is a plain one then


def _slower(method: Method, seconds: float) -> Method:
    def slower(*arguments: Any) -> Any:
        time.sleep(seconds)
        return method(*arguments)

    return slower


def _nothing(*_: Any) -> None:
    return None


if os.environ.get(VARIABLE):
    from mailhost.durable.system import OperatingSystem

    change(OperatingSystem, os.environ[VARIABLE])
