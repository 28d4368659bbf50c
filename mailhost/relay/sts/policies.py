"""The MTA-STS policies by which mail is sent: found at the first mail for a domain, kept, renewed.

A policy that is known is returned at once. Every ten minutes in which mail for its domain is sent,
DNS is asked beside the mail whether its id has changed; each day, and before it runs out, it is
fetched again. If the policy host or DNS fails, a policy that is known is in force until its max_age
(RFC 8461 §3.3, §5.1), and a domain of which none is known gets its mail as one without a policy.

The number of domains in memory and in the store, of fetches at a time, and the octets and seconds
of each fetch are bounded.
"""

from __future__ import annotations

import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mailhost.concurrency.rounds import Rounds
from mailhost.concurrency.threads import InThread
from mailhost.concurrency.timeouts import fired_within
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.events import Faulted, IEventSink, Notice
from mailhost.interfaces.tls_sessions import AppliedPolicy, PolicyType, TLSSession
from mailhost.mta_sts.policy import STSPolicy
from mailhost.relay.sts.policy_hosts import PolicyHosts, PolicyUnavailable
from mailhost.relay.sts.store import KnownPolicy, PolicyStore

T = TypeVar("T")
MOST_DOMAINS = 1_000  # in memory
PATIENCE = 30.0  # seconds that mail waits for a policy of which nothing is known
RECHECK = 600.0  # seconds until DNS is asked again, also after a fetch that failed
DNS_FAILURE = 60.0  # seconds until DNS is asked again if it gave no answer
ROUND = 3600.0  # seconds between two rounds of renewal
MOST_RENEWALS = 200  # of one round
WHERE = "MTA-STS policies"


@dataclass(slots=True)
class _Entry:
    """The state of one domain, until DNS is asked again at the time `check` of the clock."""

    known: KnownPolicy | None
    check: float


class STSPolicies:
    """The head of a host has one. `wall` gives seconds since 1970."""

    def __init__(
        self,
        clock: IReactorTime,
        in_thread: InThread,
        hosts: PolicyHosts,
        store: PolicyStore,
        events: IEventSink,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.hosts = hosts
        self._clock = clock
        self._in_thread = in_thread
        self._store = store
        self._events = events
        self._wall = wall
        self._entries: OrderedDict[str, _Entry] = OrderedDict()  # used longest ago first
        self._looking: dict[str, list[Deferred[None]]] = {}  # the mail that waits for each domain
        self._uses: dict[str, float] = {}  # of domains with a policy, not in the store yet
        self._rounds = Rounds(clock, ROUND, self._renew, self._failed)

    def start(self) -> None:
        """Renew policies from time to time."""
        self._rounds.start(now=False)

    def stop(self) -> None:
        """Renew no policies any more."""
        self._rounds.stop()

    def forget(self) -> None:
        """Forget what is in memory: the settings have changed."""
        self._entries.clear()

    def of(self, domain: str) -> Answer[STSPolicy | None]:
        """Return the policy of a domain, None for none: at once if it is known."""
        entry, now = self._entries.get(domain), self._clock.seconds()
        if entry is None:
            return self._first(domain)
        self._entries.move_to_end(domain)
        if entry.known is None or entry.known.expires <= self._wall():
            return None if now < entry.check else self._first(domain)
        self._uses[domain] = self._wall()
        if now >= entry.check:
            entry.check = now + RECHECK
            self._look(domain)
        return entry.known.policy

    async def known(self, domain: str) -> STSPolicy | None:
        """Return the policy of a domain that is in force, None for none that is known; nothing is
        looked up or fetched."""
        now, entry = self._wall(), self._entries.get(domain)
        known = entry.known if entry is not None else None
        if entry is None:
            known = await self._stored(partial(self._store.read, domain, now))
        return known.policy if known is not None and known.expires > now else None

    async def _first(self, domain: str) -> STSPolicy | None:
        """Wait for the policy of a domain of which nothing is known."""
        known: Deferred[None] = Deferred()
        self._look(domain, known)
        await fired_within(known, self._clock, PATIENCE)
        entry = self._entries.get(domain)
        if entry is None or entry.known is None or entry.known.expires <= self._wall():
            return None
        return entry.known.policy

    def _look(self, domain: str, waiting: Deferred[None] | None = None) -> None:
        """Look up the policy, unless this is under way. `waiting` fires when it is known."""
        others = self._looking.get(domain)
        if others is not None:
            others += [waiting] if waiting else []
            return
        self._looking[domain] = [waiting] if waiting else []
        looking = Deferred.fromCoroutine(self._look_up(domain)).addErrback(self._failed)
        looking.addBoth(lambda _: self._tell(self._looking.pop(domain)))

    async def _look_up(self, domain: str) -> None:
        entry = self._entries.get(domain)
        known = entry.known if entry is not None else None
        if entry is None:
            known = await self._stored(partial(self._store.read, domain, self._wall()))
            if known is not None:  # it is in force, and mail need not wait for the policy host
                self._keep(domain, known, RECHECK)
                waiting, self._looking[domain] = self._looking[domain], []
                self._tell(waiting)
        self._keep(domain, *await self._updated(domain, known))

    def _tell(self, waiting: list[Deferred[None]]) -> None:
        for each in waiting:
            each.callback(None)

    async def _updated(
        self, domain: str, known: KnownPolicy | None
    ) -> tuple[KnownPolicy | None, float]:
        """Ask DNS, and the policy host if necessary. Return the policy that is known then, and the
        seconds until DNS is asked again."""
        found = await self.hosts.id_of(domain)
        if not found.id:
            return known, DNS_FAILURE if found.trouble else RECHECK
        now = self._wall()
        if known is not None and known.id == found.id and now < known.renewal:
            return known, RECHECK
        try:
            policy = await self.hosts.fetch(domain)
        except PolicyUnavailable as failed:
            self._report(domain, known, failed)
            return known, RECHECK
        new = KnownPolicy(found.id, policy, now)
        if known is None or known.policy != policy:
            self._events.emit(Notice(f"the MTA-STS policy of {domain} is {policy.summary}"))
        await self._stored(partial(self._store.write, domain, new, now))
        return new, RECHECK

    def _report(self, domain: str, known: KnownPolicy | None, failed: PolicyUnavailable) -> None:
        former = known.policy if known else None
        lines, mx = (former.lines, former.mx) if former else ((), ())
        policy = AppliedPolicy(PolicyType.STS, domain, lines, mx)
        decided = "its former MTA-STS policy" if former else "no MTA-STS policy"
        event = TLSSession(domain, policy, decided, failed.kind, reason=str(failed))
        self._events.emit(event)

    def _keep(self, domain: str, known: KnownPolicy | None, seconds: float) -> None:
        self._entries[domain] = _Entry(known, self._clock.seconds() + seconds)
        self._entries.move_to_end(domain)
        if len(self._entries) > MOST_DOMAINS:
            self._entries.popitem(last=False)

    async def _stored(self, work: Callable[[], T]) -> T | None:
        """Do work of the store in a thread; its failure is logged, and None returned."""
        try:
            return await self._in_thread(work)
        except (sqlite3.Error, OSError) as error:
            self._events.emit(Faulted(WHERE, f"the file mta-sts.sqlite cannot be used: {error}"))
            return None

    def _failed(self, failure: Failure) -> None:
        self._events.emit(Faulted(WHERE, failure.getErrorMessage()))

    async def _renew(self) -> None:
        """Fetch policies that are in use again, one after another."""
        uses, self._uses = self._uses, {}
        await self._stored(partial(self._store.note_uses, uses))
        due = await self._stored(partial(self._store.due, self._wall(), MOST_RENEWALS))
        for domain, known in due or []:
            if domain in self._entries:
                self._look(domain)
            else:
                await self._updated(domain, known)
