"""What became of TLS on one connection to another host, and the event that says so."""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.interfaces.tls_sessions import AppliedPolicy, PolicyType, TLSFailure, TLSSession
from mailhost.message.client import TLSState
from mailhost.relay.tls.decision import TLSDecision


@dataclass(frozen=True, slots=True)
class TLSResult:
    """The result of one connection.

    `secure` is true for a connection with TLS, `state` is that of the handshake. `failure` is the
    kind of the failure, `reason` has it in words; the connection may be in use in spite of it.
    `own_ip` is our address.
    """

    secure: bool = False
    state: TLSState | None = None
    failure: TLSFailure | None = None
    reason: str = ""
    own_ip: str = ""

    @property
    def attempted(self) -> bool:
        """True unless nothing asked for TLS and none was offered."""
        return self.secure or self.failure is not None


def session_event(
    domain: str, host: str, ip: str, decision: TLSDecision, result: TLSResult, delivered: bool
) -> TLSSession:
    """Return the event for one connection to a host of a domain. `delivered` is false if no mail
    is sent over it."""
    return TLSSession(
        domain,
        decision.applied or AppliedPolicy(PolicyType.NONE, domain),
        decision.decided,
        result.failure,
        delivered,
        result.reason,
        host,
        ip,
        result.own_ip,
        result.state,
    )
