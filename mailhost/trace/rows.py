"""Turns a batch of events into rows of the database: one for each message of the batch.

A client that is refused again and again cannot fill the database: of each batch some refusals of
one address are kept, and the others are counted in the last of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TypeAlias

from mailhost.interfaces.events import Event
from mailhost.trace.facts import Facts, facts_of

MOST_REFUSALS = 50  # of one address in one batch
Timed: TypeAlias = tuple[float, Event]
"""An event, and its time in seconds since 1970."""
Row: TypeAlias = tuple[str, int, int, str]
"""The name of a message, the time of its first event in milliseconds since 1970, the marks of all
its events, and their facts in JSON."""

# ASCII alone: any text can be written, and a word is looked for in the form that it has here
encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class _Parts:
    """The facts of each message of a batch."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, list[Facts]]] = {}
        self._marks: dict[str, int] = {}
        self._refusals: dict[str, list[Facts]] = {}

    def add(self, at: float, event: Event) -> None:
        """Add an event."""
        kept = facts_of(event)
        if kept is None:
            return
        name, mark, facts = kept
        if facts["event"] == "refused" and self._too_many(facts):
            return
        milliseconds = facts["at"] = int(at * 1000)
        part = self._found.get(name)
        if part is None:
            self._found[name] = (milliseconds, [facts])
            self._marks[name] = mark
        else:
            part[1].append(facts)
            self._marks[name] |= mark

    def _too_many(self, facts: Facts) -> bool:
        of_client = self._refusals.setdefault(facts.get("ip", ""), [])
        if len(of_client) < MOST_REFUSALS:
            of_client.append(facts)
            return False
        last = of_client[-1]
        last["further"] = last.get("further", 0) + 1
        return True

    def rows(self) -> list[Row]:
        """Return a row for each message, in the order of their first events."""
        return [
            (name, at, self._marks[name], encode(facts))
            for name, (at, facts) in self._found.items()
        ]


def rows_of(batch: Iterable[Timed]) -> list[Row]:
    """Return the rows of a batch. Takes some 10 µs for a message, so it is for a thread."""
    parts = _Parts()
    for at, event in batch:
        parts.add(at, event)
    return parts.rows()
