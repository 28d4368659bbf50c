"""The settings of the filter that checks the sender authentication of mail from strangers."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from mailhost.config.filters.common import Filter, OnError
from mailhost.config.section import Positive
from mailhost.config.types import DomainName, Network

_ERRORS = ("temperror", "permerror")
_RESULTS = {
    "spf": ("pass", "fail", "softfail", "neutral", "none", *_ERRORS),
    "helo": ("pass", "fail", "softfail", "neutral", "none", *_ERRORS),
    "dkim": ("pass", "fail", "policy", "neutral", "none", *_ERRORS),
    "dmarc": ("pass", "fail", "none", *_ERRORS),
    "arc": ("pass", "fail", "none", "temperror"),
    "iprev": ("pass", "fail", *_ERRORS),
    "own_domain": ("fail",),
}
# the tags that the filter leaves
TAGS = frozenset(f"{method}:{each}" for method, found in _RESULTS.items() for each in found)
JUNK = "junk"  # the tag of messages for the Junk folder


class RejectPolicy(StrEnum):
    """When a message that fails DMARC with p=reject is refused; otherwise it counts as junk."""

    NEVER = "never"
    EVIDENCE = "evidence"
    ALWAYS = "always"


class OwnDomains(StrEnum):
    """When strangers that use a domain of this host without a pass are refused."""

    NEVER = "never"
    PUBLISHED = "published"
    ALWAYS = "always"


class SPFFail(StrEnum):
    """The treatment of a message because of a failed SPF check (-all) alone."""

    NONE = "none"
    JUNK = "junk"
    REJECT = "reject"


class Authenticity(Filter):
    """`kind = "authenticity"`: checks SPF, DKIM, DMARC and ARC of mail from strangers, and writes
    the results into an Authentication-Results field, also in the mode "observe".

    `time_limit` is the time for all look-ups of one message. `trusted_sealers` are domains of ARC
    seals, `trusted_networks` clients that are not examined, `trusted_lists` values of List-Id.
    """

    kind: Literal["authenticity"]
    on_error: OnError = OnError.PASS
    reject: RejectPolicy = RejectPolicy.EVIDENCE
    own_domains: OwnDomains = OwnDomains.PUBLISHED
    spf_fail: SPFFail = SPFFail.NONE
    trusted_sealers: tuple[DomainName, ...] = ()
    trusted_networks: tuple[Network, ...] = ()
    trusted_lists: tuple[str, ...] = ()
    time_limit: Positive = 20.0
