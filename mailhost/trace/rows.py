"""Turns a batch of events into rows of the database: one for each message of the batch.

A client that is refused again and again cannot fill the database: of each batch some refusals of
one address (IPv6: of one /64) are kept, and the others are counted in the last of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TypeAlias

from mailhost.interfaces.events import Attempted, Event, Received
from mailhost.net.limits import client_key
from mailhost.trace.facts import OTHER_KINDS, Facts, facts_of
from mailhost.trace.marks import OF_FATE, RECEIVED, REFUSED
from mailhost.trace.quick_facts import Texts, attempted, received

MOST_REFUSALS = 50  # of one address, or of one IPv6 /64, in one batch
Timed: TypeAlias = tuple[float, Event]
"""An event, and its time in seconds since 1970."""
Row: TypeAlias = tuple[str, int, int, str]
"""The name of a message, the time of its first event in milliseconds since 1970, the marks of all
its events, and their facts in JSON."""

# ASCII alone: any text can be written; a query looks for words in this encoded form
encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


KEPT = OTHER_KINDS | {Received, Attempted}
"""The kinds of events that are kept."""


class _Part:
    """The events of one message within a batch: the time of the first event, marks, and facts, some
    of which are JSON already."""

    __slots__ = ("at", "facts", "marks")

    def __init__(self, at: int) -> None:
        self.at = at
        self.marks = 0
        self.facts: list[Facts | str] = []

    def text(self) -> str:
        """Return all facts in JSON."""
        texts = [each if isinstance(each, str) else encode(each) for each in self.facts]
        return f"[{','.join(texts)}]"


def rows_of(batch: Iterable[Timed]) -> list[Row]:
    """Return the rows of a batch, in the order of their first events. Takes some 5 µs for a
    message, so it is for a thread."""
    parts: dict[str, _Part] = {}
    texts: Texts = {}
    refusals = _Refusals()
    for seconds, event in batch:
        at = int(seconds * 1000)
        facts: Facts | str
        if type(event) is Received:
            name, mark, facts = event.identity, RECEIVED, received(event, at, texts)
        elif type(event) is Attempted:
            name, mark, facts = (
                event.identity,
                OF_FATE[event.outcome.fate],
                attempted(event, at, texts),
            )
        else:
            kept = facts_of(event)
            if kept is None:
                continue
            name, mark, facts = kept
            facts["at"] = at
            if mark == REFUSED and refusals.too_many(facts):
                continue
        part = parts.get(name)
        if part is None:
            part = parts[name] = _Part(at)
        part.marks |= mark
        part.facts.append(facts)
    return [(name, part.at, part.marks, part.text()) for name, part in parts.items()]


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
