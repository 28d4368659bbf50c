"""Changes the decision about TLS by the demand of a message, and by the memory of a host.

- REQUIRETLS (RFC 8689 §4.2.1): the host must be found securely, which means that DNSSEC or the
  MTA-STS policy of the domain names it, or that it is the domain itself or a route of the settings.
  Its certificate must be verified. That it offers REQUIRETLS is seen later, in its reply to EHLO.
- `TLS-Required: No` (RFC 8689 §4.2.2): TLS is used where it is possible, and no policy of another
  domain keeps the message back. A route of the settings is no such policy.
- The memory: a host that had TLS within the last days is expected to have it.
"""

from __future__ import annotations

from dataclasses import replace

from mailhost.interfaces.tls_sessions import BY_SENDER, TLSFailure
from mailhost.message.envelope import Envelope
from mailhost.message.tls_demand import TLSDemand
from mailhost.mta_sts.policy import Mode
from mailhost.net.tls.peer import PeerProblem
from mailhost.relay.tls.decision import (
    HostFacts,
    TLSDecision,
    TLSPolicies,
    TLSUse,
    Verification,
    decide,
)
from mailhost.relay.tls.memory import ExpectedTLS

REQUIRETLS = "the demand of the sender (REQUIRETLS)"


def demand_of(envelope: Envelope) -> TLSDemand:
    """Return the demand of a message at the next hop. REQUIRETLS of a bounce does not keep it back
    where the next hop does not support that (RFC 8689 §5)."""
    if envelope.tls is TLSDemand.REQUIRED and envelope.reverse_path is None:
        return TLSDemand.USUAL
    return envelope.tls


def decide_for_message(policies: TLSPolicies, host: HostFacts) -> TLSDecision:
    """Return the decision for a message with these policies and this demand, at this host."""
    decision = decide(policies, host)
    if policies.demand is TLSDemand.REQUIRED:
        return _required(decision, policies, host)
    if policies.demand is TLSDemand.OPTIONAL:
        return _optional(decision, policies)
    if host.expected is None or decision.required or decision.use is TLSUse.NEVER:
        return decision
    return _as_remembered(decision, host.name, host.expected)


def _required(decision: TLSDecision, policies: TLSPolicies, host: HostFacts) -> TLSDecision:
    if decision.refused:
        return decision
    if decision.required and decision.verified and decision.enforced:
        return replace(decision, decided=f"{REQUIRETLS} and {decision.decided}")
    strict = TLSDecision(
        TLSUse.REQUIRED,
        REQUIRETLS,
        Verification.WEBPKI,
        (host.name.strip("[]"),),
        applied=decision.applied,
    )
    if policies.route is not None or _is_named(policies, host):
        return strict
    text = f"neither DNSSEC nor an MTA-STS policy names {host.name} as a mail host of the domain"
    # no fault of a policy of the domain, so that nothing is reported to it
    return replace(strict, applied=None, problem=PeerProblem(TLSFailure.DNSSEC_INVALID, text))


def _is_named(policies: TLSPolicies, host: HostFacts) -> bool:
    """True for a host that was found securely."""
    if host.secure or host.name == policies.domain:
        return True
    sts = policies.sts
    return sts is not None and sts.mode is not Mode.NONE and sts.allows(host.name)


def _optional(decision: TLSDecision, policies: TLSPolicies) -> TLSDecision:
    if policies.route is not None:
        return decision
    return replace(decision, use=TLSUse.OFFERED, enforced=False, decided=BY_SENDER)


def _as_remembered(decision: TLSDecision, host: str, expected: ExpectedTLS) -> TLSDecision:
    """Return the decision for a host that had TLS, and of which no policy demands TLS."""
    seen = expected.best.seen
    decision = replace(decision, remembered=seen)
    if expected.best.verified and not decision.verified:
        decision = replace(
            decision,
            verification=Verification.WEBPKI,
            names=(host.strip("[]"),),
            enforced=expected.enforced,
        )
    if not expected.enforced:
        return decision
    by = f"its TLS of {seen} (relay.tls.memory; `mailhost relay forget-tls {host}` forgets it)"
    return replace(decision, use=TLSUse.REQUIRED, decided=by)
