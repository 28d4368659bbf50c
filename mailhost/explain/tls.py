"""Says in words which TLS a next hop gets, and which rule decides about it."""

from __future__ import annotations

from mailhost.config.model import RouteTLS
from mailhost.message.tls_demand import TLSDemand
from mailhost.relay.connect import SUBMISSIONS
from mailhost.relay.nexthop import Destination
from mailhost.relay.tls.decision import TLSDecision, TLSUse, Verification

_USES = {
    TLSUse.NEVER: "no TLS",
    TLSUse.OFFERED: "TLS where the host offers it",
    TLSUse.UNLESS_BROKEN: "TLS where the host offers it, and a handshake must not fail",
    TLSUse.REQUIRED: "TLS is required",
}


def route_text(destination: Destination) -> str:
    """Return how TLS is used with the host of a route, which decides alone."""
    route = destination.route
    if destination.tls is RouteTLS.REQUIRE:
        text = "TLS is required, and the certificate is verified"
    elif route is not None and route.user:
        text = "TLS is required, because the route has a login"
    elif destination.tls is RouteTLS.NEVER:
        text = "no TLS, as the route says"
    else:
        text = f"{_USES[TLSUse.OFFERED]}; the certificate is not verified"
    return f"{text}, from the first octet" if destination.port == SUBMISSIONS else text


def decision_text(decision: TLSDecision, demand: TLSDemand = TLSDemand.USUAL) -> str:
    """Return the decision about one host, and the rule that decided. `demand` is that of the
    sender."""
    if decision.refused:
        assert decision.problem is not None  # why it is refused
        text = f"no mail is sent to it: {decision.problem.text}"
    else:
        text = f"{_USES[decision.use]}; {_certificate(decision)}"
        if decision.remembered and not decision.required:
            text += f"; the host had TLS on {decision.remembered}, so the log warns if it has none"
    text += f" (decided by {decision.decided})"
    if demand is TLSDemand.REQUIRED and not decision.refused:
        text += "; the host must offer REQUIRETLS"
    return text


def _certificate(decision: TLSDecision) -> str:
    if decision.verification is Verification.NONE:
        return "the certificate is not verified"
    if decision.verification is Verification.DANE:
        must = "the certificate must fit the TLSA records"
    else:
        must = f"a trusted authority must have issued the certificate for {decision.names[0]}"
    return must if decision.enforced else f"{must}; a failure is only reported"
