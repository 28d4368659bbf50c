"""Findings about single ports, and the function that merges equal findings about several ports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.server.services import Place

LONGEST_QUOTE = 160  # characters of what the server said
_WORST_FIRST = (Verdict.FAILURE, Verdict.WARNING, Verdict.UNKNOWN, Verdict.OK)
NO_TITLE = ""  # `tried` is composed when notes are merged


@dataclass(frozen=True, slots=True)
class Note:
    """A finding about one port. `what` names the attempt, empty for a connection."""

    place: Place
    finding: Finding
    what: str = ""


def merged(notes: Iterable[Note]) -> list[Finding]:
    """Return one finding for all ports with the same fault and the same `seen`, with the worst of
    their verdicts. The findings are in the order of the first ports."""
    groups: dict[tuple[object, ...], list[Note]] = {}
    for note in notes:
        finding = note.finding
        key = (note.what, finding.fault, finding.seen, finding.fault is None and finding.verdict)
        groups.setdefault(key, []).append(note)
    return [_one(group) for group in groups.values()]


def _one(notes: Sequence[Note]) -> Finding:
    worst = min(notes, key=lambda note: _WORST_FIRST.index(note.finding.verdict))
    where = places_text([note.place for note in notes])
    tried = f"{worst.what} at {where}" if worst.what else where
    return replace(worst.finding, tried=tried)


def places_text(places: Iterable[Place]) -> str:
    """Return addresses with their ports: `192.0.2.1, 2001:db8::1 ports 25, 587`."""
    ports: dict[str, set[int]] = {}
    for place in places:
        ports.setdefault(place.address, set()).add(place.port)
    addresses: dict[tuple[int, ...], list[str]] = {}
    for address, each in ports.items():
        addresses.setdefault(tuple(sorted(each)), []).append(address)
    return "; ".join(
        f"{', '.join(found)} port{'s' * (len(each) > 1)} {', '.join(map(str, each))}"
        for each, found in addresses.items()
    )


def quoted(text: str) -> str:
    """Return text of the server in one line, cut to a bounded length."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_QUOTE else f"{line[:LONGEST_QUOTE]}..."
