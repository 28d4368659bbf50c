"""Collects the numbers of the whole host for its metrics: from the head, the workers, and /proc.

No value is kept between two calls, and no work is done on the way of a message: a call costs some
hundred microseconds of the head's reactor, and a millisecond for each thousand messages that wait.
"""

from __future__ import annotations

import os
import platform
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

from OpenSSL import SSL
from twisted.internet.defer import Deferred

import twisted
from mailhost import __version__
from mailhost.application.head import Head, process_count
from mailhost.application.listener_set import ListenerSet
from mailhost.concurrency.shared_call import SharedCall
from mailhost.doctor.host.disk import Disk, disk_of
from mailhost.net.tls.certificate import CertificateFiles
from mailhost.observe.metrics.processes import ProcessUse, use_of
from mailhost.observe.metrics.snapshot import DiskState, ProcessState, Snapshot, WorkerMeasures

ANSWER_TIMEOUT = 1.0  # seconds that /proc has to answer

Measures = Mapping[int, WorkerMeasures | None]
Uses = Mapping[int, ProcessUse | None]


class SnapshotMaker:
    """`started` is when the host was started, in seconds since 1970. `disk` reads how full the
    disk is."""

    def __init__(
        self, head: Head, listeners: ListenerSet, started: float, disk: SharedCall[Disk]
    ) -> None:
        base = head.foundation
        self._disk_call = disk
        self._proc_call = SharedCall[Uses](base.in_thread, base.reactor, ANSWER_TIMEOUT)
        self._head = head
        self._listeners = listeners
        self._started = started
        self._build = {
            "version": __version__,
            "python": platform.python_version(),
            "twisted": twisted.__version__,
            "openssl": SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode("ascii", "replace"),
        }

    async def make(self) -> Snapshot:
        """Return the numbers now. Workers and the disk have a second to answer."""
        head = self._head
        pids = self._pids()
        using = Deferred.fromCoroutine(self._uses(pids))
        reading = Deferred.fromCoroutine(self._disk())
        measures = await head.workers.measures()
        census = await head.queue.census()
        uses = await using
        return Snapshot(
            now=time.time(),
            started=self._started,
            build=self._build,
            events=Counter(head.counts.events),
            filters=Counter(head.counts.filters),
            sessions=self._sessions(measures),
            most_sessions=head.foundation.limits.bounds.total,
            queue=census,
            processes=[self._process(name, pid, measures, uses) for name, pid in pids.items()],
            wanted_workers=process_count(head.services.settings) - 1,
            writer=head.writer.times.read(),
            disk=await reading,
            certificates=_ends(head.foundation.tls.certificates),
        )

    def _pids(self) -> dict[str, int]:
        """Return the numbers of all processes by their names."""
        workers = {f"worker{row}": pid for pid, row in self._head.workers.rows()}
        writer = self._head.writer.pid
        return {"head": os.getpid(), **workers, **({"writer": writer} if writer else {})}

    def _sessions(self, measures: Measures) -> Counter[str]:
        found = self._listeners.sessions_by_protocol()
        for each in measures.values():
            if each is not None:
                for protocol, count in each.sessions.items():
                    found[protocol] += count
        return found

    def _process(self, name: str, pid: int, measures: Measures, uses: Uses) -> ProcessState:
        if name == "head":
            return ProcessState(name, lag=self._head.lag.longest, use=uses.get(pid))
        measured = measures.get(pid)
        silent = pid in measures and measured is None
        return ProcessState(name, not silent, measured.lag if measured else None, uses.get(pid))

    async def _uses(self, pids: Mapping[str, int]) -> Uses:
        """Return what the processes use; nothing where no thread is free to read it."""
        try:
            return await self._proc_call.result_of(partial(_read_uses, list(pids.values())))
        except TimeoutError:
            return {}

    async def _disk(self) -> DiskState | None:
        """Return the disk of the data folder, None where it cannot be asked now."""
        try:
            disk = await self._disk_call.result_of(partial(disk_of, self._head.foundation.data))
        except OSError:  # TimeoutError too
            return None
        return DiskState(disk.size, disk.free, disk.inodes, disk.inodes_free)


def _read_uses(pids: Sequence[int]) -> Uses:
    """Read /proc: some hundred microseconds for each process."""
    return {pid: use_of(pid) for pid in pids}


def _ends(certificates: tuple[CertificateFiles, ...]) -> dict[str, float]:
    """Return when the certificate for each name ends: the first one that is in use for it."""
    found: dict[str, float] = {}
    for files in certificates:
        for name in files.names:
            found.setdefault(name, files.chain[0].not_valid_after_utc.timestamp())
    return found
