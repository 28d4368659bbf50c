"""`[mta_sts]`: the policy of MTA-STS that this host publishes for its domains (RFC 8461)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from mailhost.config.section import DAY, Section
from mailhost.config.types import DomainName, MXPattern, Seconds

SHORTEST_AGE = 86_400  # seconds; Gmail takes no policy with less
LONGEST_AGE = 31_557_600  # seconds (RFC 8461 §3.2)
MaxAge = Annotated[Seconds, Field(ge=SHORTEST_AGE, le=LONGEST_AGE)]


class STSMode(StrEnum):
    """The action of other hosts if the TLS of this host is not as the policy says: with `testing`
    they report it and deliver, with `enforce` they keep the mail back. `none` takes a policy
    back."""

    TESTING = "testing"
    ENFORCE = "enforce"
    NONE = "none"


class DomainMTASTS(Section):
    """`[domain.NAME.mta_sts]` and `[mta_sts.domain.NAME]`: the policy of one domain. None: as in
    `[mta_sts]`. `mx` are further MX hosts of the domain."""

    mode: STSMode | None = None
    max_age: MaxAge | None = None
    mx: tuple[MXPattern, ...] | None = None


class MTASTS(Section):
    """`[mta_sts]`. `max_age` is the time for which other hosts remember a policy. `mx` are MX hosts
    of the domains besides this host, such as a backup."""

    mode: STSMode = STSMode.TESTING
    max_age: MaxAge = 7 * DAY
    mx: tuple[MXPattern, ...] = ()
    domain: dict[DomainName, DomainMTASTS] = {}
