"""Turns a batch of events into rows of the database: one for each message of the batch.

A client whose mail is not accepted cannot fill the database. Of each batch, MOST_OF_CLIENT refusals
of one address (IPv6: of one /64) are kept, and as many results of filters and of sender
authentication about messages that the batch does not show as received. The others are counted in
the last of their kind that is kept. Messages that are discarded are always kept: their client was
answered 250.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TypeAlias

from mailhost.interfaces.events import (
    Attempted,
    Authenticated,
    Event,
    Filtered,
    LoginRefused,
    Received,
    Refused,
)
from mailhost.net.limits import client_key
from mailhost.trace.facts import OTHER_KINDS, Facts, facts_of
from mailhost.trace.marks import DISCARDED, OF_FATE, RECEIVED
from mailhost.trace.quick_facts import Texts, attempted, received

MOST_OF_CLIENT = 50  # events of one kind, of one address or one IPv6 /64, in one batch
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
    batch = list(batch)
    parts: dict[str, _Part] = {}
    texts: Texts = {}
    bound = _Bound({event.identity for _, event in batch if type(event) is Received})
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
            if mark != DISCARDED and bound.too_many(event, facts):
                continue
        part = parts.get(name)
        if part is None:
            part = parts[name] = _Part(at)
        part.marks |= mark
        part.facts.append(facts)
    return [(name, part.at, part.marks, part.text()) for name, part in parts.items()]


class _Bound:
    """The events of each client in a batch that may be about no accepted message: how many there
    are of each kind, and the last that is kept. `received` are the identities of the messages that
    the batch shows as received."""

    def __init__(self, received: set[str]) -> None:
        self._received = received
        self._found: dict[tuple[str, str], tuple[int, Facts]] = {}

    def too_many(self, event: Event, facts: Facts) -> bool:
        """True for an event that is only counted."""
        if isinstance(event, (Filtered, Authenticated)):
            if event.identity in self._received:
                return False
        elif not isinstance(event, (Refused, LoginRefused)):
            return False
        key = client_key(event.client.ip), facts["event"]
        count, last = self._found.get(key, (0, facts))
        if count >= MOST_OF_CLIENT:
            last["further"] = last.get("further", 0) + 1
            return True
        self._found[key] = (count + 1, facts)
        return False
