"""Checks the queue: that its files are whole, and what mail waits, for how long, and why."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial

from mailhost.concurrency.threads import InThread
from mailhost.doctor.checks import Check
from mailhost.doctor.finding import Finding, ok, unknown
from mailhost.doctor.host.data_folder import DATA_CLOSED, DISK_SLOW
from mailhost.doctor.host.mail_waiting import waiting_findings
from mailhost.doctor.host.queue_files import QueueFiles, read_queue
from mailhost.doctor.host.queue_integrity import integrity_findings

TOPIC = "Queue"
SECONDS = 3.8


def queue_check(data: str, in_thread: InThread, wall: Callable[[], float] = time.time) -> Check:
    """Return the check of the queue in a data folder. `wall` returns seconds since 1970."""

    async def run() -> Sequence[Finding]:
        return await in_thread(partial(queue_findings, data, wall()))

    return Check(TOPIC, "queue", SECONDS, run, (DISK_SLOW,))


def queue_findings(data: str, now: float) -> list[Finding]:
    """Return all findings about the queue. Blocks for the disk."""
    folder = os.path.join(data, "queue")
    if not os.access(data, os.R_OK | os.X_OK, effective_ids=True):
        return []  # named by the check of the data folder
    try:
        files = read_queue(folder)
    except OSError as error:
        remedy = "Run the doctor as root or as the host's user."
        return [unknown(DATA_CLOSED, f"queue in {folder}", str(error), remedy)]
    found = [*integrity_findings(files), *waiting_findings(files, now)]
    found = found or [ok("queue", _summary(files))]
    if files.left:
        found.append(ok("large queue", f"the {files.left} newest messages were not examined"))
    return found


def _summary(files: QueueFiles) -> str:
    count = len(files.entries) + files.left
    if not count:
        return "empty"
    return f"{count} message{'s' * (count != 1)} in it, none of which waits unusually long"
