"""How one host is connected to for a message: the decision about TLS, and what it was made from."""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.relay.tls.decision import HostFacts, TLSDecision, TLSPolicies
from mailhost.relay.tls.demands import decide_for_message


@dataclass(frozen=True, slots=True)
class TLSPlan:
    """`decision` follows from `policies` and `host`."""

    policies: TLSPolicies
    host: HostFacts
    decision: TLSDecision

    def fulfils(self, policies: TLSPolicies) -> bool:
        """True if a connection by this plan may carry a message with other policies."""
        if policies == self.policies:  # nearly always, and for a tenth of the time
            return True
        return self.decision.fulfils(decide_for_message(policies, self.host))


def plan_for(policies: TLSPolicies, host: HostFacts) -> TLSPlan:
    """Return the plan for a message with these policies, at this host."""
    return TLSPlan(policies, host, decide_for_message(policies, host))
