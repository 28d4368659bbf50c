"""Metrics that show the present state: sessions, queue, processes, writer, disk, certificates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate
from math import inf

from mailhost.durable.batch_times import BOUNDS
from mailhost.observe.metrics.metric import Histogram, Kind, Metric, Samples
from mailhost.observe.metrics.processes import ProcessUse
from mailhost.observe.metrics.snapshot import DiskState, Snapshot
from mailhost.queue.census import CountedState, StateCount


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name, Kind.GAUGE, meaning, labels)


BUILD = _gauge(
    "mailhost_build_info",
    "The versions of mailhost and of what it is built on; always 1.",
    "version",
    "python",
    "twisted",
    "openssl",
)
STARTED = _gauge("mailhost_start_time_seconds", "When the host was started, in seconds since 1970.")
SESSIONS = _gauge("mailhost_sessions", "Open connections of clients.", "protocol")
MOST_SESSIONS = _gauge("mailhost_sessions_limit", "How many connections there may be in all.")
QUEUE = _gauge("mailhost_queue_messages", "Messages in the queue.", "state")
OLDEST = _gauge(
    "mailhost_queue_oldest_age_seconds",
    "For how long the oldest message of this state has been in the queue; 0 if there is none.",
    "state",
)
WANTED = _gauge("mailhost_workers_wanted", "How many workers the settings ask for.")
ANSWERS = _gauge(
    "mailhost_process_answers", "1 for a process that runs and answers, 0 if it hangs.", "process"
)
LAG = _gauge(
    "mailhost_reactor_lag_seconds",
    "The longest delay of a timer in the last minute: how long a client may have had to wait.",
    "process",
)
CPU = Metric(
    "mailhost_process_cpu_seconds_total",
    Kind.COUNTER,
    "Processor time of a process; begins at 0 when the process is replaced.",
    ("process",),
)
MEMORY = _gauge(
    "mailhost_process_resident_memory_bytes", "Memory that a process has in use.", "process"
)
DESCRIPTORS = _gauge("mailhost_process_open_fds", "Open file descriptors of a process.", "process")
MOST_DESCRIPTORS = _gauge(
    "mailhost_process_max_fds",
    "How many file descriptors a process may have open; 0: no limit.",
    "process",
)
PROCESS_STARTED = _gauge(
    "mailhost_process_start_time_seconds",
    "When the process was started, in seconds since 1970.",
    "process",
)
BATCHES = Metric(
    "mailhost_writer_batch_seconds",
    Kind.HISTOGRAM,
    "How long the batches of the writer took until all of their changes were on the disk.",
)
CHANGES = Metric(
    "mailhost_writer_changes_total",
    Kind.COUNTER,
    "Files that the writer wrote, renamed or removed in its batches.",
)
DISK_SIZE = _gauge("mailhost_disk_size_bytes", "The size of the data folder's file system.")
DISK_FREE = _gauge(
    "mailhost_disk_free_bytes",
    "The free space of the data folder's file system, for the user of the host.",
)
INODES = _gauge(
    "mailhost_disk_inodes", "How many files the data folder's file system can have; 0: no limit."
)
INODES_FREE = _gauge(
    "mailhost_disk_free_inodes", "How many more files the data folder's file system can have."
)
CERTIFICATES = _gauge(
    "mailhost_certificate_expiry_timestamp_seconds",
    "When the certificate for this name ends, in seconds since 1970.",
    "name",
)

STATE_METRICS = (
    BUILD,
    STARTED,
    SESSIONS,
    MOST_SESSIONS,
    QUEUE,
    OLDEST,
    WANTED,
    ANSWERS,
    LAG,
    CPU,
    MEMORY,
    DESCRIPTORS,
    MOST_DESCRIPTORS,
    PROCESS_STARTED,
    BATCHES,
    CHANGES,
    DISK_SIZE,
    DISK_FREE,
    INODES,
    INODES_FREE,
    CERTIFICATES,
)

_OF_USE: tuple[tuple[Metric, Callable[[ProcessUse], float]], ...] = (
    (CPU, lambda use: use.cpu),
    (MEMORY, lambda use: use.memory),
    (DESCRIPTORS, lambda use: use.descriptors),
    (MOST_DESCRIPTORS, lambda use: use.most_descriptors),
    (PROCESS_STARTED, lambda use: use.started),
)
_OF_DISK: tuple[tuple[Metric, Callable[[DiskState], float]], ...] = (
    (DISK_SIZE, lambda disk: disk.size),
    (DISK_FREE, lambda disk: disk.free),
    (INODES, lambda disk: disk.inodes),
    (INODES_FREE, lambda disk: disk.inodes_free),
)


def from_state(snapshot: Snapshot) -> Iterator[tuple[Metric, Samples]]:
    """Yield each metric of the state with its values; no values where they are not known."""
    build = tuple(snapshot.build.get(name, "") for name in BUILD.labels)
    yield BUILD, [(build, 1)]
    yield STARTED, [((), snapshot.started)]
    yield SESSIONS, [((name,), count) for name, count in sorted(snapshot.sessions.items())]
    yield MOST_SESSIONS, [((), snapshot.most_sessions)]
    yield from _queue(snapshot)
    yield WANTED, [((), snapshot.wanted_workers)]
    yield from _processes(snapshot)
    yield BATCHES, [((), _batches(snapshot))]
    yield CHANGES, [((), snapshot.writer.changes)]
    disk = snapshot.disk
    for metric, number in _OF_DISK:
        yield metric, [((), number(disk))] if disk else []
    yield CERTIFICATES, [((name,), end) for name, end in sorted(snapshot.certificates.items())]


def _queue(snapshot: Snapshot) -> Iterator[tuple[Metric, Samples]]:
    found = {state: snapshot.queue.get(state, StateCount(0, None)) for state in CountedState}
    yield QUEUE, [((state.value,), each.count) for state, each in found.items()]
    yield (
        OLDEST,
        [
            ((state.value,), 0.0 if each.oldest is None else max(snapshot.now - each.oldest, 0.0))
            for state, each in found.items()
        ],
    )


def _processes(snapshot: Snapshot) -> Iterator[tuple[Metric, Samples]]:
    states = snapshot.processes
    yield ANSWERS, [((each.name,), each.answers) for each in states]
    yield LAG, [((each.name,), each.lag) for each in states if each.lag is not None]
    for metric, number in _OF_USE:
        yield metric, [((each.name,), number(each.use)) for each in states if each.use]


def _batches(snapshot: Snapshot) -> Histogram:
    batches = snapshot.writer
    counts = accumulate(batches.buckets)
    return Histogram(tuple(zip((*BOUNDS, inf), counts, strict=True)), batches.seconds)
