"""Reads the log: the records since the last checkpoint, and what of them is damaged. Blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from mailhost.durable.log.records import (
    Damage,
    Kind,
    Position,
    Record,
    number_in,
    position_of,
    records_of,
    seed_of,
)
from mailhost.durable.log.segments import START, head_of, segment_files
from mailhost.durable.system import OperatingSystem


@dataclass(slots=True)
class _Segment:
    """A segment that was read. `before` is where the records before it end, None if unknown."""

    path: str
    before: Position | None
    run: bytes = b""
    octets: memoryview = field(default_factory=lambda: memoryview(b""))
    records: list[Record] = field(default_factory=list)
    damages: list[Damage] = field(default_factory=list)

    @property
    def end(self) -> int:
        return self.records[-1].after if self.records else START


@dataclass(frozen=True, slots=True)
class LogContents:
    """`records` are those since `checkpoint`, oldest first. `damages` says which file is damaged
    and where. `newest` is the highest number of a segment, 0 for none, `end` the place where its
    records end. `needed` are the files that have `records`. `run` is the run of the machine, and
    the file, in which the newest segment was begun, and `newest_path` where it is."""

    records: tuple[Record, ...] = ()
    damages: tuple[str, ...] = ()
    checkpoint: Position | None = None
    newest: int = 0
    end: int = START
    needed: frozenset[str] = frozenset()
    run: bytes = b""
    newest_path: str = ""
    octets: Mapping[int, memoryview] = field(default_factory=dict)

    def body(self, record: Record) -> memoryview:
        """Return the body of a record."""
        return self.octets[record.at.segment][record.start : record.end]


def read_log(system: OperatingSystem, folder: str, id: bytes) -> LogContents:
    """Read the log in a folder. `id` is that of the data folder. Raises OSError, BadLog."""
    segments = _segments(system, folder, id)
    checkpoint: Position | None = None
    limit: Position | None = None  # what is behind it does not count, by the segment read before
    read: dict[int, _Segment] = {}
    for number in sorted(segments, reverse=True):
        if limit is not None and number > limit.segment:
            continue
        segment = read[number] = segments[number]
        end = limit.place if limit is not None and number == limit.segment else None
        _read(system, segment, number, seed_of(id), end)
        checkpoint = checkpoint or _last_checkpoint(segment)
        if checkpoint is not None and checkpoint.segment >= number:
            break
        limit = segment.before
    if not read:
        return LogContents()
    start = checkpoint or Position(min(read), 0)
    needed = {number: read[number] for number in sorted(read) if number >= start.segment}
    newest = max(read)
    return LogContents(
        tuple(
            record
            for segment in needed.values()
            for record in segment.records
            if record.at >= start and record.kind != Kind.CHECKPOINT
        ),
        tuple(_damages(needed, start)),
        checkpoint,
        newest,
        read[newest].end,
        frozenset(segment.path for segment in needed.values()),
        read[newest].run,
        read[newest].path,
        {number: segment.octets for number, segment in needed.items()},
    )


def _segments(system: OperatingSystem, folder: str, id: bytes) -> dict[int, _Segment]:
    """Return the segments by their numbers, not yet read. Where the head of one is damaged, its
    number is found in its records."""
    found: dict[int, _Segment] = {}
    for path in segment_files(system, folder):
        head = head_of(system.read_head(path, START), path, id)
        if head is None:
            number = number_in(system.read(path), seed_of(id))
            if number and number not in found:
                found[number] = _Segment(path, None)
        elif head.number:
            found[head.number] = _Segment(path, head.before, head.run)
    return found


def _read(
    system: OperatingSystem, segment: _Segment, number: int, seed: int, limit: int | None
) -> None:
    """Read the records of a segment up to the place `limit`."""
    segment.octets = memoryview(system.read(segment.path))[:limit]
    for each in records_of(segment.octets, seed, number, START):
        if isinstance(each, Damage):
            segment.damages.append(each)
        else:
            segment.records.append(each)


def _last_checkpoint(segment: _Segment) -> Position | None:
    for record in reversed(segment.records):
        if record.kind == Kind.CHECKPOINT:
            return position_of(bytes(segment.octets[record.start : record.end]))
    return None


def _damages(needed: Mapping[int, _Segment], start: Position) -> list[str]:
    """Say what is damaged at or behind the position `start`."""
    said = []
    if start.segment not in needed:
        said.append(f"the segment {start.segment} is missing")
    for number, segment in needed.items():
        if segment.before is None:
            said.append(f"the head of {segment.path} is damaged")
        said += [
            f"{segment.path} is damaged at the octets {each.at.place} to {each.end}"
            for each in segment.damages
            if Position(number, each.end) > start
        ]
    for (one, segment), (other, following) in pairwise(needed.items()):
        before = following.before
        if one != (other - 1 if before is None else before.segment):
            said.append(f"a segment behind {segment.path} is missing")
        elif before is not None and segment.end < before.place:
            said.append(f"{segment.path} is damaged behind the octet {segment.end}")
    return said
