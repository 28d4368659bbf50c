"""The answer to `mailhost status`: the running host on one screen, as values for JSON."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred

from mailhost import __version__
from mailhost.application.head import Head
from mailhost.application.listener_set import ListenerSet
from mailhost.concurrency.timeouts import fired_within
from mailhost.config.protocol import ListenProtocol
from mailhost.doctor.daily.memory import DoctorMemory, LastRun
from mailhost.doctor.finding import Verdict
from mailhost.doctor.host.disk import disk_of
from mailhost.durable.writer_process import WriterProcess
from mailhost.interfaces.events import CountKey
from mailhost.net.tls.certificate import CertificateFiles, current_time
from mailhost.observe.totals import totals

DISK_TIMEOUT = 1.0  # seconds that the disk has to answer
DAY = 86_400.0  # seconds

Values: TypeAlias = dict[str, Any]
_Sessions: TypeAlias = Mapping[tuple[ListenProtocol, str], int]


async def status(head: Head, listeners: ListenerSet, started: float) -> Values:
    """Return the status of a host that was `started` then, in seconds since the epoch.

    `totals` has the counts since the start by name, `events` all that is counted apart. Memory and
    disk space are in octets, None where they are not known.
    """
    now = time.time()
    reading = Deferred.fromCoroutine(_from_disk(head, now))  # while the workers are asked
    workers = await head.workers.sessions()
    settings = head.services.settings
    return {
        "version": __version__,
        "hostname": settings.hostname,
        "started": started,
        "uptime": now - started,
        "totals": totals(head.counts.events),
        "events": _events(head.counts.events),
        "processes": [*_processes(head)],
        "writer": _writer(head.writer),
        "silent": [pid for pid, sessions in workers.items() if sessions is None],
        "most_connections": head.foundation.limits.bounds.total,
        "listeners": _listeners(listeners, [each for each in workers.values() if each]),
        "queue": {
            str(state): {"count": found.count, "age": _age(found.oldest, now)}
            for state, found in (await head.queue.census()).items()
        },
        "certificates": [_certificate(each) for each in head.foundation.tls.certificates],
        **await reading,
    }


def _events(counts: Mapping[CountKey, int]) -> list[Values]:
    """Return the counts, those with different reasons added up."""
    found: Counter[tuple[str, str, str]] = Counter()
    for key, count in counts.items():
        found[key.event, key.protocol, key.result] += count
    names = ("event", "protocol", "result")
    return [
        {**dict(zip(names, key, strict=True)), "count": count}
        for key, count in sorted(found.items())
    ]


def _processes(head: Head) -> Iterator[Values]:
    """Yield the head and the workers, each with its connections, those over unix sockets
    included."""
    counts = head.connection_counts
    rows = [("head", os.getpid(), 0), *(("worker", *each) for each in head.workers.rows())]
    for role, pid, row in rows:
        connections = counts.of_process(row)
        yield {"role": role, "pid": pid, "connections": connections, "memory": memory_of(pid)}


def _writer(writer: WriterProcess) -> Values | None:
    """Return the writer's process, and how many batches it made in how many seconds."""
    if writer.pid is None:
        return None
    counted = writer.times.read()
    made = {"batches": sum(counted.buckets), "seconds": counted.seconds}
    return {"pid": writer.pid, "memory": memory_of(writer.pid), **made}


def memory_of(pid: int) -> int | None:
    """Return the memory that a process has in use, in octets; None where the system does not say
    it. Reads /proc, which no disk can delay."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def _listeners(listeners: ListenerSet, workers: Sequence[_Sessions]) -> list[Values]:
    found = []
    for listener, own in listeners.sessions():
        listen = listener.listen
        elsewhere = sum(sessions.get(listen.socket, 0) for sessions in workers)
        found.append(
            {
                "protocol": listen.protocol.value,
                "endpoint": listen.endpoint,
                "address": listener.address,
                "tls": _tls(listen.protocol),
                "sessions": own + elsewhere,
            }
        )
    return found


def _tls(protocol: ListenProtocol) -> str:
    if protocol.implicit_tls:
        return "implicit"
    return "none" if protocol.web else "STARTTLS"


def _age(arrived: float | None, now: float) -> float | None:
    return None if arrived is None else max(now - arrived, 0.0)


async def _from_disk(head: Head, now: float) -> Values:
    """Return the space and inodes of the data folder, and the last daily run of the doctor; both
    None while the disk does not answer."""
    base = head.foundation
    memory = DoctorMemory(base.data, base.commit_now.commit)
    found: Values = {"disk": None, "doctor": None}

    def read() -> Values:
        return {"disk": _disk(base.data), "doctor": _last_run(memory.read(), now)}

    asking: Deferred[Values] = base.in_thread(read)
    asking.addCallback(found.update).addErrback(lambda failure: None)
    await fired_within(asking, base.reactor, DISK_TIMEOUT)
    return found


def _last_run(run: LastRun, now: float) -> Values | None:
    """Return the findings of a run, which are warnings and failures alone; None for no run."""
    if not run.at:
        return None
    findings = [asdict(each) for each in run.findings]
    return {"at": run.at, "age": _age(run.at, now), "findings": findings}


def _disk(folder: str) -> Values:
    """Blocks for the disk; raises OSError."""
    disk = disk_of(folder)
    low = (disk.space, disk.files) != (Verdict.OK, Verdict.OK)
    return {"folder": folder, **asdict(disk), "low": low}


def _certificate(files: CertificateFiles) -> Values:
    until = files.chain[0].not_valid_after_utc
    left = (until - current_time()).total_seconds()
    return {"names": list(files.names), "until": until.timestamp(), "days": int(left // DAY)}
