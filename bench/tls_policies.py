"""Counts the microseconds that policies about TLS add to a message, and to a connection.

`python -m bench.tls_policies`. All policies are cached, as they are for every message but the first
of a domain. A message over an open connection costs the first two columns, one that needs a
connection of its own the first and the last. For comparison: to send a message takes some hundred
microseconds, a TLS handshake about a thousand.
"""

from __future__ import annotations

import tempfile
import timeit
from collections.abc import Callable

from rich.console import Console
from rich.table import Table
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mailhost.concurrency.answers import result_of
from mailhost.config.model import Relay, Route
from mailhost.dane.lookups import TLSAAnswer
from mailhost.interfaces.dns import TLSARecord
from mailhost.relay.nexthop import Destination
from mailhost.relay.tls.decision import HostFacts, TLSPolicies
from mailhost.relay.tls.plan import plan_for
from mailhost.relay.tls.policies import PolicyFinder
from tests.fakes import RecordingEvents
from tests.relay.fake_resolver import FakeResolver
from tests.relay.sts.policy_net import ENFORCE, FakeHosts, policies_at

TIMES = 50_000
HOST = HostFacts("mx.example.org")
SIGNED = TLSAAnswer("mx.example.org", (TLSARecord(3, 1, 1, bytes(32)),))


def microseconds(work: Callable[[], object]) -> float:
    """Return the shortest of several measurements of one call."""
    return min(timeit.repeat(work, number=TIMES, repeat=5)) / TIMES * 1e6


def finder(folder: str) -> PolicyFinder:
    """Return what finds policies: example.org has one of MTA-STS, example.net has none."""
    hosts = FakeHosts()
    hosts.ids["example.org"], hosts.policies["example.org"] = "one", ENFORCE
    sts = policies_at(Clock(), hosts, folder, RecordingEvents())
    for domain in ("example.org", "example.net"):
        Deferred.fromCoroutine(result_of(sts.of(domain)))
    settings = Relay()
    return PolicyFinder(Clock(), FakeResolver(), settings, sts)


def main() -> None:
    """Print the table."""
    table = Table("policy", "found, µs", "compared, µs", "decided, µs")
    smarthost = Route.model_validate({"via": "smart.example.org", "tls": "require"})
    with tempfile.TemporaryDirectory() as folder:
        found = finder(folder)
        for name, destination, host in (
            ("a route", Destination("smart.example.org", 25, smarthost), HOST),
            ("none", Destination("example.net", 25), HOST),
            ("MTA-STS", Destination("example.org", 25), HOST),
            ("DANE", Destination("example.net", 25), HostFacts(HOST.name, SIGNED)),
        ):
            policies = found.policies(destination)
            assert isinstance(policies, TLSPolicies)
            again, plan = found.policies(destination), plan_for(policies, host)
            assert isinstance(again, TLSPolicies)
            figures = (
                microseconds(lambda: found.policies(destination)),  # noqa: B023 - called here
                microseconds(lambda: plan.fulfils(again)),  # noqa: B023
                microseconds(lambda: plan_for(policies, host)),  # noqa: B023
            )
            table.add_row(name, *(f"{each:.2f}" for each in figures))
    Console().print(table)


if __name__ == "__main__":
    main()
