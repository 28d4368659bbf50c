"""Turns a batch of events into rows of the database: one for each message of the batch.

A client that is refused again and again cannot fill the database: of each batch some refusals of
one address (IPv6: of one /64) are kept, and the others are counted in the last of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TypeAlias

from mailhost.interfaces.events import Event
from mailhost.net.limits import client_key
from mailhost.trace.facts import Facts, facts_of
from mailhost.trace.marks import REFUSED

MOST_REFUSALS = 50  # of one address, or of one IPv6 /64, in one batch
Timed: TypeAlias = tuple[float, Event]
"""An event, and its time in seconds since 1970."""
Row: TypeAlias = tuple[str, int, int, str]
"""The name of a message, the time of its first event in milliseconds since 1970, the marks of all
its events, and their facts in JSON."""

# ASCII alone: any text can be written, and a word is looked for in the form that it has here
encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def rows_of(batch: Iterable[Timed]) -> list[Row]:
    """Return the rows of a batch, in the order of their first events. Takes some 7 µs for a
    message, so it is for a thread."""
    parts: dict[str, list[Facts]] = {}
    marks: dict[str, int] = {}
    refusals = _Refusals()
    for at, event in batch:
        kept = facts_of(event)
        if kept is None:
            continue
        name, mark, facts = kept
        if mark == REFUSED and refusals.too_many(facts):
            continue
        facts["at"] = int(at * 1000)
        if name in parts:
            parts[name].append(facts)
            marks[name] |= mark
        else:
            parts[name] = [facts]
            marks[name] = mark
    return [(name, facts[0]["at"], marks[name], encode(facts)) for name, facts in parts.items()]


class _Refusals:
    """The refusals of each client in a batch: how many, and the last that is kept."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, Facts]] = {}

    def too_many(self, facts: Facts) -> bool:
        """True for a refusal that is only counted."""
        client = client_key(facts.get("ip", ""))
        count, last = self._found.get(client, (0, facts))
        if count >= MOST_REFUSALS:
            last["further"] = last.get("further", 0) + 1
            return True
        self._found[client] = (count + 1, facts)
        return False
