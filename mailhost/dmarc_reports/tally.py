"""Counts the results of sender authentication, for the reports to other domains.

Each process remembers the results, and from time to time and at its end counts them in a thread and
adds the counts to the database: a process that is killed loses those of the last PERIOD. The number
of rows of a day is bounded, since a stranger chooses what is in them; what is above the bounds is
not reported.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from mailhost.concurrency.rounds import Rounds
from mailhost.concurrency.threads import InThread
from mailhost.dmarc_reports.report import DAY, CheckedDomain, Row
from mailhost.interfaces.authentication import (
    Authentication,
    Disposition,
    DKIMOutcome,
    PublishedPolicy,
)
from mailhost.interfaces.dns import is_for_tests
from mailhost.interfaces.events import Authenticated, Event, Faulted, IEventSink
from mailhost.message.client import plain_address

PERIOD = 60.0  # seconds between two writings
MOST_AT_ONCE = 2_000  # messages after which counts are written early
MOST_WAITING = 20_000  # messages in memory, while the database cannot be used
MOST_SIGNATURES = 10  # of one message
_OVERRIDES = ("local_policy", "mailing_list", "other", "policy_test_mode", "trusted_forwarder")


@dataclass(frozen=True, slots=True)
class Judged:
    """A kind of message: the day since 1970 (UTC), the policy without its URIs, and a row with the
    count 0."""

    day: int
    published: PublishedPolicy
    row: Row


ResultCounts = Counter[Judged]


@implementer(IEventSink)
class Tally:
    """`write` blocks, and adds counts to the database; it is called in threads. Counts nothing
    until `reconfigure`. `wall` gives seconds since 1970."""

    def __init__(
        self,
        clock: IReactorTime,
        in_thread: InThread,
        write: Callable[[ResultCounts], None],
        events: IEventSink,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._in_thread = in_thread
        self._write = write
        self._events = events
        self._wall = wall
        self._waiting: list[tuple[int, Authenticated]] = []  # each with its day
        self._reports = False
        self._not_from: Container[tuple[str, str]] = ()
        self._rounds = Rounds(clock, PERIOD, self._flush, self._failed)

    def reconfigure(self, reports: bool, addresses: Container[tuple[str, str]]) -> None:
        """Count where `reports` is true, but for mail to `addresses`, each as its domain and key:
        these get reports, and reports about reports would never end."""
        self._reports = reports
        self._not_from = addresses

    def start(self) -> None:
        """Write from time to time."""
        self._rounds.start(now=False)

    def emit(self, event: Event) -> None:
        """See IEventSink."""
        if self._reports and type(event) is Authenticated and len(self._waiting) < MOST_WAITING:
            self._waiting.append((int(self._wall()) // DAY, event))
            if len(self._waiting) == MOST_AT_ONCE:
                self.flush()

    def flush(self) -> Deferred[None]:
        """Write what is not written yet. After a failure, which is logged, the counts wait."""
        return Deferred.fromCoroutine(self._flush())

    async def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        try:
            await self._in_thread(partial(self._count_and_write, waiting, self._not_from))
        except Exception:  # noqa: BLE001 - logged; mail does not wait for it
            self._waiting = [*waiting, *self._waiting][:MOST_WAITING]
            self._failed(Failure())

    def _failed(self, failure: Failure) -> None:
        self._events.emit(Faulted("DMARC results", failure.getErrorMessage()))

    def _count_and_write(
        self, waiting: Sequence[tuple[int, Authenticated]], not_from: Container[tuple[str, str]]
    ) -> None:
        counts = count(waiting, not_from)
        if counts:
            self._write(counts)

    async def stop(self) -> None:
        """Write the rest."""
        self._rounds.stop()
        await self.flush()


def count(
    judged: Sequence[tuple[int, Authenticated]], not_from: Container[tuple[str, str]]
) -> ResultCounts:
    """Count messages, each given with its day, but for those whose domain asks for no reports, and
    those to `not_from`. Blocks: takes about 30 µs for each."""
    counts: ResultCounts = Counter()
    for day, event in judged:
        published = event.authentication.published
        if published is None or not published.reports or not event.client.ip:
            continue
        if is_for_tests(published.domain):
            continue
        if not any((each.domain, each.key) in not_from for each in event.recipients):
            counts[Judged(day, replace(published, reports=()), _row(event))] += 1
    return counts


def _row(event: Authenticated) -> Row:
    found = event.authentication
    spf = next((each for each in found.spf if each.scope == "mfrom"), None)
    return Row(
        source=str(plain_address(event.client.ip)),
        count=0,
        disposition=_disposition(found),
        dkim=bool(found.dkim_aligned),
        spf=bool(found.spf_aligned),
        author=found.author,
        envelope_from=event.reverse_path.domain if event.reverse_path else "",
        signatures=tuple(
            CheckedDomain(each.domain, each.result, each.selector) for each in _signatures(found)
        ),
        spf_result=CheckedDomain(spf.domain, spf.result) if spf and spf.domain else None,
        override=_override(found),
    )


def _signatures(found: Authentication) -> list[DKIMOutcome]:
    """Return the signatures, those that matter most first (RFC 9990 §3.1.3)."""

    def rank(each: DKIMOutcome) -> tuple[bool, bool, bool]:
        passes = each.result == "pass"
        aligned = each.domain in found.dkim_aligned
        return not passes, not (passes and aligned), each.domain != found.author

    return sorted(found.dkim, key=rank)[:MOST_SIGNATURES]


def _disposition(found: Authentication) -> str:
    if found.dmarc == "pass":
        enforced = found.requested is not Disposition.NONE
        return "pass" if enforced else "none"
    return found.applied.value


def _override(found: Authentication) -> str:
    """Return why a message that fails was not treated as its domain asks, empty if it was."""
    if found.dmarc == "pass" or found.applied is found.requested:
        return ""
    if found.override in _OVERRIDES:
        return found.override
    return "local_policy"
