"""The results of sender authentication of one message, as filters, reports and the log see them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Disposition(StrEnum):
    """The treatment of a message: delivered as usual, delivered into the Junk folder, or
    refused. The names are those of RFC 9990 appendix A."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class SPFOutcome:
    """The result of SPF for one identity, by the names of RFC 8601 §2.7.2. `domain` is in
    A-labels."""

    scope: Literal["mfrom", "helo"]
    domain: str
    result: str


@dataclass(frozen=True, slots=True)
class DKIMOutcome:
    """The result for one DKIM signature, by the names of RFC 8601 §2.7.1. `reason` is empty for a
    pass."""

    domain: str
    selector: str
    result: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PublishedPolicy:
    """The DMARC record that applies to a message, and the policy in it for the author's domain.

    `domain` is where the record is; `policy`, `subdomains` and `nonexistent` are p, sp and np, the
    last two empty where they are not known. `reports` are the URIs of rua; a report of DMARC does
    not have them.
    """

    domain: str
    policy: str
    subdomains: str = ""
    nonexistent: str = ""
    strict_dkim: bool = False
    strict_spf: bool = False
    testing: bool = False
    failure_options: str = ""
    reports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Authentication:
    """All results for one message.

    `author` is the domain of the From field in A-labels, empty where the message has no single
    one. `spf` has the results for MAIL FROM and HELO, `sealers` are the domains of an ARC chain
    that passes. `requested` is the policy that the author's domain asks for if DMARC fails.
    `spf_aligned` and `dkim_aligned` are the domains by which DMARC passes. `own_domains` are the
    domains of this host that the message uses without a pass.

    `disposition` is what the settings say to do, `applied` what is done: in the mode "observe" that
    is NONE. Where the disposition is not the requested one, `override` says why by a word of RFC
    9990 §3.1.6. `reason` says for the log why there is a disposition, or an override.
    """

    client_name: str = ""
    iprev: str = "none"
    spf: tuple[SPFOutcome, ...] = ()
    dkim: tuple[DKIMOutcome, ...] = ()
    arc: str = "none"
    sealers: tuple[str, ...] = ()
    dmarc: str = "none"
    author: str = ""
    requested: Disposition = Disposition.NONE
    published: PublishedPolicy | None = None
    spf_aligned: str = ""
    dkim_aligned: tuple[str, ...] = ()
    own_domains: tuple[str, ...] = ()
    disposition: Disposition = Disposition.NONE
    applied: Disposition = Disposition.NONE
    override: str = ""
    reason: str = ""

    @property
    def aligned_domain(self) -> str:
        """The domain by which the author's domain is authenticated, empty for none."""
        return next(iter(self.dkim_aligned), self.spf_aligned)

    @property
    def summary(self) -> str:
        """The results in one line, for the log."""
        spf = [f"spf={each.result} ({each.scope} {each.domain})" for each in self.spf]
        dkim = [f"dkim={each.result} ({each.domain})" for each in self.dkim] or ["dkim=none"]
        dmarc = f"dmarc={self.dmarc}" + (f" ({self.author})" if self.author else "")
        parts = [*spf, *dkim, dmarc, f"arc={self.arc}", f"iprev={self.iprev}"]
        return ", ".join(parts)
