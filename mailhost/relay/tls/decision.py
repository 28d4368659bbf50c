"""Decides about TLS with one host before a connection to it is opened.

`decide` is a plain function of all that may demand TLS. Its result goes with the connection: a
connection that is open carries another message only if it fulfils the decision for that message.

A route of the settings decides alone: policies of the recipients' domain are about its MX hosts.
For an MX host, its TLSA records (DANE) come before the MTA-STS policy of the domain. They are
signed in DNS as the MX record is, so that no policy may override them (RFC 8461 §2); and a host
that they authenticate needs no certificate of the WebPKI. Without any policy TLS is opportunistic.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from functools import partial

from mailhost.config.model import RouteTLS
from mailhost.dane.lookups import TLSAAnswer
from mailhost.dane.matching import problems
from mailhost.dane.records import text_of, usable
from mailhost.interfaces.dns import TLSARecord
from mailhost.interfaces.tls_sessions import AppliedPolicy, PolicyType, TLSFailure
from mailhost.message.tls_demand import TLSDemand
from mailhost.mta_sts.policy import Mode, STSPolicy
from mailhost.net.tls.peer import PeerCheck, PeerProblem
from mailhost.relay.tls.memory import ExpectedTLS


class TLSUse(Enum):
    """Whether a connection has TLS."""

    NEVER = auto()
    OFFERED = auto()  # where it is offered; a second connection has none if the handshake fails
    UNLESS_BROKEN = auto()  # where it is offered; a handshake that fails is final
    REQUIRED = auto()


class Verification(Enum):
    """How the certificate of the host is checked."""

    NONE = auto()
    WEBPKI = auto()  # by the authorities that this machine trusts, for one of some names
    DANE = auto()  # by TLSA records


@dataclass(frozen=True, slots=True)
class TLSPolicies:
    """All that may demand TLS at one destination, before one of its hosts is chosen.

    `domain` is that of the recipients. `route` is the TLS of the route of the settings, None for
    the MX hosts of the domain; `login` is true for a route with a login. `sts` is the MTA-STS
    policy of the domain, None for none. `demand` is that of the message.
    """

    domain: str = ""
    route: RouteTLS | None = None
    login: bool = False
    sts: STSPolicy | None = None
    demand: TLSDemand = TLSDemand.USUAL


@dataclass(frozen=True, slots=True)
class HostFacts:
    """The facts about one host of a destination, besides its addresses.

    `tlsa` is the answer about its TLSA records, None where DANE does not apply. `names` are those
    besides the host's own that a certificate may be for if a TLSA record names its authority: the
    domain of the recipients, and the name that it is an alias of (RFC 7672 §3.2.2). `secure` is
    true for a host that an authenticated answer of DNS names. `expected` is the TLS that it had.
    """

    name: str
    tlsa: TLSAAnswer | None = None
    names: tuple[str, ...] = ()
    secure: bool = False
    expected: ExpectedTLS | None = None


@dataclass(frozen=True, slots=True)
class TLSDecision:
    """The use of TLS on a connection, and the check of the certificate.

    `decided` names the rule that decided, for the log, the sender and the operator. `applied` is
    the policy of the recipients' domain, None for none. The certificate must be for one of `names`
    (WEBPKI), or fit `records` (DANE). If the check is not `enforced`, its result is only reported.
    `problem` is what is wrong with the host before any connection; no connection is made to it if
    the check is enforced. `remembered` is the last day with TLS of a host that is expected to have
    it, empty for others.
    """

    use: TLSUse = TLSUse.OFFERED
    decided: str = "opportunistic TLS"
    verification: Verification = Verification.NONE
    names: tuple[str, ...] = ()
    records: tuple[TLSARecord, ...] = ()
    enforced: bool = True
    applied: AppliedPolicy | None = None
    problem: PeerProblem | None = None
    remembered: str = ""

    @property
    def required(self) -> bool:
        """True where mail waits rather than leaves without TLS."""
        return self.use is TLSUse.REQUIRED

    @property
    def refused(self) -> bool:
        """True where the host must not be connected to."""
        return self.problem is not None and self.enforced

    @property
    def verified(self) -> bool:
        """True where the certificate is checked."""
        return self.verification is not Verification.NONE

    @property
    def check(self) -> PeerCheck:
        """The check of the certificate, for a handshake."""
        if self.verification is Verification.DANE:
            judge = partial(problems, self.records, self.names)
            return PeerCheck(enforced=self.enforced, judge=judge)
        return PeerCheck(self.names, self.verified and self.enforced)

    def fulfils(self, other: TLSDecision) -> bool:
        """True if a connection that was opened by this decision may carry a message for which
        `other` was made, at the same host."""
        if self is other or self == other:
            return not other.refused
        if other.refused:
            return False
        if TLSUse.NEVER in (self.use, other.use):
            return self.use is other.use
        if not other.required:
            return True
        return self.required and (not other.verified or self._checked == other._checked)

    @property
    def _checked(self) -> object:
        return self.verification, self.names, self.records, self.enforced


OPPORTUNISTIC = TLSDecision()


def decide(policies: TLSPolicies, host: HostFacts) -> TLSDecision:
    """Return the decision for a message with these policies, at this host."""
    if policies.route is not None:
        return _by_route(policies.route, policies.login, host)
    dane = _by_dane(host.tlsa, policies.domain, host) if host.tlsa is not None else None
    if dane is not None and (dane.verified or dane.refused):
        return dane
    if policies.sts is not None and policies.sts.mode is not Mode.NONE:
        sts = _by_sts(policies.sts, policies.domain, host)
        # unusable TLSA records demand encryption, and an STS policy that is only tested does not
        return sts if dane is None or sts.required else dane
    return dane or OPPORTUNISTIC


def _by_route(tls: RouteTLS, login: bool, host: HostFacts) -> TLSDecision:
    by = "the route of the settings"
    if tls is RouteTLS.REQUIRE:
        return TLSDecision(TLSUse.REQUIRED, by, Verification.WEBPKI, (host.name,))
    if tls is RouteTLS.NEVER:
        return TLSDecision(TLSUse.NEVER, by)
    return TLSDecision(TLSUse.UNLESS_BROKEN if login else TLSUse.OFFERED, by)


def _by_sts(policy: STSPolicy, domain: str, host: HostFacts) -> TLSDecision:
    """An MX host must be named in the policy, and have a certificate for its own name (RFC 8461
    §4)."""
    enforced = policy.mode is Mode.ENFORCE
    problem = None
    if not policy.allows(host.name):
        text = f"the policy does not name the MX host {host.name}"
        problem = PeerProblem(TLSFailure.OTHER, text)
    return TLSDecision(
        TLSUse.REQUIRED if enforced else TLSUse.OFFERED,
        f"the MTA-STS policy of {domain} (mode {policy.mode.value})",
        Verification.WEBPKI,
        (host.name,),
        enforced=enforced,
        applied=AppliedPolicy(PolicyType.STS, domain, policy.lines, policy.mx),
        problem=problem,
    )


def _by_dane(answer: TLSAAnswer, domain: str, host: HostFacts) -> TLSDecision:
    """Records of which none can be used demand encryption alone (RFC 7672 §2.2)."""
    records = usable(answer.records)
    applied = AppliedPolicy(PolicyType.TLSA, domain, tuple(map(text_of, answer.records)))
    by = f"the TLSA records of {answer.base} (DANE)"
    if answer.trouble:
        problem = PeerProblem(TLSFailure.DNSSEC_INVALID, answer.trouble)
        return TLSDecision(TLSUse.REQUIRED, by, applied=applied, problem=problem)
    if not records:
        by = f"the TLSA records of {answer.base} (DANE, of which none can be used)"
        return TLSDecision(TLSUse.REQUIRED, by, applied=applied)
    names = tuple(dict.fromkeys((answer.base, host.name, *host.names)))
    return TLSDecision(TLSUse.REQUIRED, by, Verification.DANE, names, records, applied=applied)
