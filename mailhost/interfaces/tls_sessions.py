"""TLS towards other hosts, as values: the policies of a domain, and the result of each session."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mailhost.interfaces.events import CountKey, Event
from mailhost.message.client import TLSState

# `decided` of a session for mail that demands no TLS, as reports about TLS do
BY_SENDER = "the wish of the sender (TLS-Required: No)"


class PolicyType(StrEnum):
    """The kinds of policies, by their names in reports (RFC 8460 §4.2)."""

    TLSA = "tlsa"
    STS = "sts"
    NONE = "no-policy-found"


class TLSFailure(StrEnum):
    """Why a session failed, by the names in reports (RFC 8460 §4.3)."""

    STARTTLS_NOT_SUPPORTED = "starttls-not-supported"
    HOST_MISMATCH = "certificate-host-mismatch"
    EXPIRED = "certificate-expired"
    NOT_TRUSTED = "certificate-not-trusted"
    OTHER = "validation-failure"
    TLSA_INVALID = "tlsa-invalid"
    DNSSEC_INVALID = "dnssec-invalid"
    DANE_REQUIRED = "dane-required"
    STS_FETCH = "sts-policy-fetch-error"
    STS_INVALID = "sts-policy-invalid"
    STS_WEBPKI = "sts-webpki-invalid"


@dataclass(frozen=True, slots=True)
class AppliedPolicy:
    """One policy of a domain that was applied, as reports quote it (RFC 8460 §4.4).

    `domain` is the domain that published it, `lines` is its text, line by line, or its TLSA records
    as texts; `mx` are the host patterns of a policy of MTA-STS.
    """

    kind: PolicyType
    domain: str
    lines: tuple[str, ...] = ()
    mx: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TLSSession(Event):
    """One session with a host of another domain, or the policy that could not be fetched for it.

    `domain` is the recipients' domain, `policy` is the one that this result counts under, `decided`
    says in words which rule decided about TLS, such as `the MTA-STS policy of example.org (mode
    enforce)`. `failure` is None for a session that fulfils the policy. `delivered` is true where
    mail went on in spite of a failure. `reason` has the cause in words. `mx` and `ip` are those of
    the host, `own_ip` is our own address; the addresses are empty where no host was connected to.
    Sessions by routes of the settings, and sessions without any attempt at TLS, emit none.
    """

    domain: str
    policy: AppliedPolicy
    decided: str
    failure: TLSFailure | None = None
    delivered: bool = True
    reason: str = ""
    mx: str = ""
    ip: str = ""
    own_ip: str = ""
    tls: TLSState | None = None

    @property
    def line(self) -> str:
        at = f" [{self.ip}]" if self.ip else ""
        host = f" at {self.mx}{at}" if self.mx else ""
        used = f"{self.tls.version} {self.tls.cipher}" if self.tls else "no TLS"
        if self.failure is None:
            return f"TLS to {self.domain}{host}: {used}, decided by {self.decided}"
        then = "mail goes on" if self.delivered else "no mail is sent"
        why = f": {self.reason}" if self.reason else ""
        return (
            f"TLS to {self.domain}{host} failed ({self.failure}), {then}, "
            f"decided by {self.decided}{why}"
        )

    @property
    def serious(self) -> bool:
        return self.failure is not None

    @property
    def key(self) -> CountKey:
        return CountKey("tls session", str(self.policy.kind), str(self.failure or "success"))
