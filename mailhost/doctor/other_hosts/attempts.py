"""The attempts to send mail to other hosts, as the trace has them. Reading blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mailhost.message.outcome import Fate
from mailhost.trace.facts import Facts
from mailhost.trace.marks import DEFERRED, FAILED, RELAYED
from mailhost.trace.reader import TraceReader

MOST_ATTEMPTS = 50_000  # that are read, the newest ones


@dataclass(frozen=True, slots=True)
class SentAttempt:
    """One attempt for one recipient: its time in seconds since 1970, the identity of the message,
    the recipient, the next hop, the host that answered (empty where none did), the fate, and the
    reply of that host, or else the status of this host."""

    at: float
    identity: str
    recipient: str
    next_hop: str
    by: str
    fate: Fate
    reply: str

    @property
    def domain(self) -> str:
        """The domain of the recipient."""
        return self.recipient.rpartition("@")[2].lower()


def attempts_since(reader: TraceReader, since: float) -> list[SentAttempt]:
    """Return the newest attempts to send mail since a time in seconds since 1970, the oldest of
    them first. Raises sqlite3.Error."""
    found: list[SentAttempt] = []
    for part in reader.marked(DEFERRED | FAILED | RELAYED, since):
        found += _attempts(part.name, part.facts)
        if len(found) >= MOST_ATTEMPTS:
            break
    return sorted(found, key=lambda attempt: attempt.at)


def _attempts(identity: str, every: tuple[Facts, ...]) -> Iterator[SentAttempt]:
    for facts in every:
        if facts["event"] == "attempted" and "next_hop" in facts:
            yield SentAttempt(
                facts["at"] / 1000,
                identity,
                facts["to"][0],
                facts["next_hop"],
                facts.get("by", ""),
                Fate(facts["fate"]),
                facts.get("said") or facts.get("status", ""),
            )
