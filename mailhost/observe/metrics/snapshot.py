"""The numbers of the host at one moment, as values: all that metrics are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mailhost.durable.batch_times import BatchCounts
from mailhost.interfaces.events import CountKey
from mailhost.observe.counts import FilterKey
from mailhost.observe.metrics.processes import ProcessUse
from mailhost.queue.census import Census


@dataclass(frozen=True, slots=True)
class WorkerMeasures:
    """The measurements of a worker about itself: its open connections by protocol, and its lag in
    seconds."""

    sessions: Mapping[str, int]
    lag: float


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One process: `head`, `writer`, or `worker` and its number.

    `answers` is False for a worker that does not answer. `lag` is the longest delay of a timer in
    seconds, None where it is not measured. `use` is what it uses of the machine, None where the
    system does not say it.
    """

    name: str
    answers: bool = True
    lag: float | None = None
    use: ProcessUse | None = None


@dataclass(frozen=True, slots=True)
class DiskState:
    """The disk of the data folder, in octets. `inodes` is 0 where the file system counts none."""

    size: int
    free: int
    inodes: int
    inodes_free: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All processes added up.

    `events` and `filters` are counts since the start. `sessions` are the open connections by
    protocol. `most_sessions` is the limit for all of them. `now` is the time, and `started` that of
    the start of the host, in seconds since 1970, as are the values of `certificates`: the end of
    each certificate by the names in it. `wanted_workers` is how many workers the settings want.
    `build` are the versions of the host and of what it is built on, by name.
    """

    now: float
    started: float = 0.0
    build: Mapping[str, str] = field(default_factory=dict)
    events: Mapping[CountKey, int] = field(default_factory=dict)
    filters: Mapping[FilterKey, int] = field(default_factory=dict)
    sessions: Mapping[str, int] = field(default_factory=dict)
    most_sessions: int = 0
    queue: Census = field(default_factory=dict)
    processes: Sequence[ProcessState] = ()
    wanted_workers: int = 0
    writer: BatchCounts = field(default_factory=BatchCounts)
    disk: DiskState | None = None
    certificates: Mapping[str, float] = field(default_factory=dict)
