"""An aggregate report as values (RFC 9990 §3.1.1)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from mailhost.interfaces.authentication import PublishedPolicy

WHERE = "DMARC reports"  # in the log


@dataclass(frozen=True, slots=True)
class CheckedDomain:
    """A result of DKIM or SPF, by the names of RFC 8601 §2.7. `selector` is empty for SPF."""

    domain: str
    result: str
    selector: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Messages from one address with the same results.

    `dkim` and `spf` are true where DMARC passes by them. `override` is why the disposition is not
    that of the policy, by the keywords of RFC 9990 §3.1.6; empty where there is no such reason.
    """

    source: str
    count: int
    disposition: str
    dkim: bool
    spf: bool
    author: str
    envelope_from: str = ""
    signatures: tuple[CheckedDomain, ...] = ()
    spf_result: CheckedDomain | None = None
    override: str = ""

    @property
    def passes(self) -> bool:
        """True where the messages pass DMARC."""
        return self.dkim or self.spf


@dataclass(frozen=True, slots=True)
class AggregateReport:
    """A report. `begin` and `end` of its period are in seconds since 1970, UTC."""

    organization: str
    email: str
    report_id: str
    begin: int
    end: int
    published: PublishedPolicy
    rows: Sequence[Row]


def policy_to_json(policy: PublishedPolicy) -> str:
    """Return the policy as it is kept in the database, without the URIs for reports."""
    found = asdict(policy)
    del found["reports"]
    return json.dumps(found)


def policy_from_json(text: str) -> PublishedPolicy:
    """Return the policy that `policy_to_json` wrote."""
    return PublishedPolicy(**json.loads(text))
