"""Domains with MTA-STS policies in memory, whose answers are up to the test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from mailhost.mta_sts.lookups import PolicyId
from mailhost.mta_sts.policy import Mode, STSPolicy
from mailhost.relay.sts.policies import STSPolicies
from mailhost.relay.sts.policy_hosts import PolicyHosts
from mailhost.relay.sts.store import PolicyStore
from tests.fakes import RecordingEvents

T = TypeVar("T")
START = 1_800_000_000.0  # seconds since 1970 at the time 0 of the clock
ENFORCE = STSPolicy(Mode.ENFORCE, 86_400 * 7, ("mx.example.org",))


class FakeHosts(PolicyHosts):
    """`ids` and `policies` by domain. An exception is raised, a Deferred waited for; `fetched` are
    the domains whose policy host was asked, `asked` those whose record was."""

    def __init__(self) -> None:
        self.ids: dict[str, str | PolicyId] = {}
        self.policies: dict[str, Any] = {}
        self.asked: list[str] = []
        self.fetched: list[str] = []

    async def id_of(self, domain: str) -> PolicyId:
        self.asked.append(domain)
        found = self.ids.get(domain, "")
        return PolicyId(found) if isinstance(found, str) else found

    async def fetch(self, domain: str) -> STSPolicy:
        self.fetched.append(domain)
        found = self.policies[domain]
        if isinstance(found, Deferred):
            found = await found
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, STSPolicy)
        return found


def at_once(work: Callable[[], T], /) -> Deferred[T]:
    """An InThread without threads."""
    return maybeDeferred(work)


def policies_at(
    clock: Clock, hosts: PolicyHosts, folder: str, events: RecordingEvents
) -> STSPolicies:
    """Return the policies of a host with this data folder, by a clock that began at START."""
    store = PolicyStore(folder)
    return STSPolicies(clock, at_once, hosts, store, events, lambda: START + clock.seconds())
