"""The decision about TLS of an open connection, and the messages that the connection may carry."""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.relay.tls.decision import HostFacts, TLSDecision, TLSPolicies
from mailhost.relay.tls.demands import decide_for_message


@dataclass(frozen=True, slots=True)
class TLSPlan:
    """The decision about TLS with one host, and what it was made from."""

    policies: TLSPolicies
    host: HostFacts
    decision: TLSDecision

    def fulfils(self, policies: TLSPolicies) -> bool:
        """True if a connection by this plan may carry a message with other policies."""
        if policies == self.policies:  # nearly always, and for a tenth of the time
            return True
        return self.decision.fulfils(decide_for_message(policies, self.host))


def plan_for(policies: TLSPolicies, host: HostFacts) -> TLSPlan:
    """Return the decision for a message with these policies at this host, as a plan."""
    return TLSPlan(policies, host, decide_for_message(policies, host))
