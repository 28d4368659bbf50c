"""The checks of the replies of other hosts. They read the trace in a thread."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from mailhost.concurrency.threads import InThread
from mailhost.dmarc.walk import WalkFailed, walk
from mailhost.doctor.checks import Check
from mailhost.doctor.context import DoctorContext
from mailhost.doctor.finding import Fault, Finding, unknown
from mailhost.doctor.host.data_folder import DISK_SLOW
from mailhost.doctor.other_hosts import refusals, volume
from mailhost.doctor.other_hosts.attempts import attempts_since
from mailhost.interfaces.dns import is_for_tests
from mailhost.net.dns.lookups import run_lookups
from mailhost.trace.reader import TraceReader, opened_trace

TRACE_UNREADABLE = Fault(
    "trace-unreadable", "Without the trace the replies of other hosts are not known."
)
TOPIC = "Replies of other hosts"
SECONDS = 20.0
DNS_SECONDS = 2.5  # for all organizational domains
_Counts = Counter[tuple[volume.Receiver, str]]


def other_host_checks(context: DoctorContext, data: str, off: bool) -> Sequence[Check]:
    """Return the checks, for the trace in a data folder; none where it is switched `off`."""
    if off:
        return ()
    return [
        refusals_check(context.in_thread, data),
        volume_check(context, data),
    ]


def refusals_check(in_thread: InThread, data: str, wall: Callable[[], float] = time.time) -> Check:
    """Return the check of deferrals, refusals and delays."""

    def find() -> Sequence[Finding]:
        now = wall()
        try:
            with opened_trace(data) as reader:
                attempts = attempts_since(reader, now - refusals.DAYS * volume.DAY)
        except FileNotFoundError:  # the host has received no message so far
            attempts = []
        return refusals.findings(attempts, now)

    async def run() -> Sequence[Finding]:
        try:
            return await in_thread(find)
        except (sqlite3.Error, OSError) as error:
            return [_unreadable(refusals.TRIED, error)]

    return Check(TOPIC, "replies of other hosts", SECONDS, run, (DISK_SLOW,))


def volume_check(context: DoctorContext, data: str, wall: Callable[[], float] = time.time) -> Check:
    """Return the check of today's volume."""

    def read() -> _Counts:
        with opened_trace(data) as reader:
            attempts = attempts_since(reader, wall() - volume.DAY)
            return volume.sent_by_domain(attempts, lambda identity: _sender(reader, identity))

    clock = context.reactor

    async def organizational_domain(until: float, domain: str) -> str:
        if is_for_tests(domain):
            return domain
        try:
            left = until - clock.seconds()
            found = await run_lookups(walk(domain), context.resolver, clock, left)
        except WalkFailed:
            return domain
        return found.organizational_domain

    async def run() -> Sequence[Finding]:
        try:
            counts = await context.in_thread(read)
        except FileNotFoundError:
            return volume.findings(Counter())
        except (sqlite3.Error, OSError):  # the other check has said so
            return []
        find = partial(organizational_domain, clock.seconds() + DNS_SECONDS)
        return volume.findings(await volume.volumes(counts, find))

    return Check(TOPIC, "volume to large receivers", SECONDS, run, (DISK_SLOW,))


def _sender(reader: TraceReader, identity: str) -> str:
    story = reader.story(identity)
    return story.sender if story is not None else ""


def _unreadable(tried: str, error: Exception) -> Finding:
    remedy = (
        "Run the command as root or as the host's user. If the file is damaged, remove the folder "
        "`trace` of the data folder: the running host makes a new one."
    )
    return unknown(TRACE_UNREADABLE, tried, f"the trace cannot be read: {error}", remedy)
