"""A report about TLS as values (RFC 8460 §4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mailhost.interfaces.tls_sessions import AppliedPolicy, PolicyType

WHERE = "TLS reports"  # in the log


@dataclass(frozen=True, slots=True)
class FailureDetail:
    """Sessions that failed for the same reason at the same hosts.

    `result` is one of the names of RFC 8460 §4.3, or another one that a reporter has written. `mx`
    and `ip` are those of the receiving host, `hello` is the name in its greeting, `own_ip` is the
    address of the sending host. `reason` has the cause in words or as a code, `more` is the address
    of a page about it. All texts but `result` may be empty.
    """

    result: str
    count: int
    mx: str = ""
    ip: str = ""
    own_ip: str = ""
    reason: str = ""
    hello: str = ""
    more: str = ""


@dataclass(frozen=True, slots=True)
class PolicyResult:
    """The sessions under one policy. `failures` may be larger than the sum of `details`."""

    policy: AppliedPolicy
    successes: int
    failures: int
    details: tuple[FailureDetail, ...] = ()


@dataclass(frozen=True, slots=True)
class TLSReport:
    """A report. `domain` is the one that it is for; `begin` and `end` of its period are in seconds
    since 1970, UTC. `contact` is an address for questions, as its reporter has written it."""

    domain: str
    organization: str
    contact: str
    report_id: str
    begin: int
    end: int
    results: tuple[PolicyResult, ...]


def policy_of(found: Mapping[str, Any]) -> AppliedPolicy:
    """Return a policy that was kept in JSON as `dataclasses.asdict` returns it."""
    return AppliedPolicy(
        PolicyType(found["kind"]), found["domain"], tuple(found["lines"]), tuple(found["mx"])
    )
