"""Decides about TLS with one host before a connection to it is opened.

`decide` is a plain function of all that may demand TLS. Its result goes with the connection: a
connection that is open carries another message only if it fulfils the decision for that message.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from mailhost.config.model import RouteTLS
from mailhost.interfaces.tls_sessions import AppliedPolicy


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


@dataclass(frozen=True, slots=True)
class TLSPolicies:
    """All that may demand TLS at one destination, before one of its hosts is chosen.

    `route` is the TLS of the route of the settings, None for the MX hosts of a domain; `login` is
    true for a route with a login.
    """

    route: RouteTLS | None = None
    login: bool = False


MX_HOSTS = TLSPolicies()


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What is known of one host of a destination, besides its addresses."""

    name: str


@dataclass(frozen=True, slots=True)
class TLSDecision:
    """The use of TLS on a connection, and the check of the certificate, which must be for one of
    `names`.

    `decided` names the rule that decided, for the log, the sender and the operator. `applied` is
    the policy that the host's domain publishes, None for none.
    """

    use: TLSUse = TLSUse.OFFERED
    decided: str = "opportunistic TLS"
    verification: Verification = Verification.NONE
    names: tuple[str, ...] = ()
    applied: AppliedPolicy | None = None

    @property
    def required(self) -> bool:
        """True where mail waits rather than leaves without TLS."""
        return self.use is TLSUse.REQUIRED

    @property
    def verified(self) -> bool:
        """True where the certificate is checked."""
        return self.verification is not Verification.NONE

    def fulfils(self, other: TLSDecision) -> bool:
        """True if a connection that was opened by this decision may carry a message for which
        `other` was made, at the same host."""
        if self is other or self == other:
            return True
        if TLSUse.NEVER in (self.use, other.use):
            return self.use is other.use
        if not other.required:
            return True
        return self.required and (
            not other.verified
            or (self.verification, self.names) == (other.verification, other.names)
        )


OPPORTUNISTIC = TLSDecision()


def decide(policies: TLSPolicies, host: HostFacts) -> TLSDecision:
    """Return the decision for a message with these policies, at this host."""
    if policies.route is not None:
        return _by_route(policies.route, policies.login, host)
    return OPPORTUNISTIC


def _by_route(tls: RouteTLS, login: bool, host: HostFacts) -> TLSDecision:
    """A route of the settings decides alone: policies of the recipients' domain are about its MX
    hosts."""
    by = "the route of the settings"
    if tls is RouteTLS.REQUIRE:
        return TLSDecision(TLSUse.REQUIRED, by, Verification.WEBPKI, (host.name,))
    if tls is RouteTLS.NEVER:
        return TLSDecision(TLSUse.NEVER, by)
    return TLSDecision(TLSUse.UNLESS_BROKEN if login else TLSUse.OFFERED, by)
