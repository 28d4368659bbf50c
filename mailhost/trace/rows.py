"""Turns a batch of events into rows of the database: one for each message of the batch.

A client whose mail is not accepted cannot fill the database. Of each batch, MOST_OF_CLIENT refusals
of one address (IPv6: of one /64) are kept, and as many results of filters and of sender
authentication about messages that the batch does not show as received. The others are counted in
the last of their kind that is kept. Messages that are discarded are always kept: their client was
answered 250.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypeAlias

from mailhost.interfaces.events import (
    Authenticated,
    Event,
    Filtered,
    LoginRefused,
    Refused,
)
from mailhost.net.limits import client_key
from mailhost.trace.facts import Facts, facts_of
from mailhost.trace.marks import DISCARDED, RECEIVED
from mailhost.trace.quick_facts import Waiting

MOST_OF_CLIENT = 50  # events of one kind, of one address or one IPv6 /64, in one batch
Row: TypeAlias = tuple[str, int, int, str]
"""The name of a message, the time of its first event in milliseconds since 1970, the marks of all
its events, and their facts in JSON."""

# ASCII alone: any text can be written; a query looks for words in this encoded form
encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


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


def rows_of(batch: Sequence[Waiting]) -> list[Row]:
    """Return the rows of a batch, in the order of their first events. Takes some 2 µs for a
    message, so it is for a thread."""
    parts: dict[str, _Part] = {}
    bound = _Bound(batch)
    for each in batch:
        facts: Facts | str
        if len(each) == 4:
            name, at, mark, facts = each
        else:
            at, event = each
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
    are of each kind, and the last that is kept."""

    def __init__(self, batch: Sequence[Waiting]) -> None:
        self._batch = batch
        self._received: set[str] | None = None
        self._found: dict[tuple[str, str], tuple[int, Facts]] = {}

    def too_many(self, event: Event, facts: Facts) -> bool:
        """True for an event that is only counted."""
        if isinstance(event, (Filtered, Authenticated)):
            if self._was_received(event.identity):
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

    def _was_received(self, identity: str) -> bool:
        """True for a message that the batch shows as received."""
        if self._received is None:
            facts = (each for each in self._batch if len(each) == 4)
            self._received = {name for name, _, mark, _ in facts if mark == RECEIVED}
        return identity in self._received
