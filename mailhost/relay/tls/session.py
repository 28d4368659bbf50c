"""The result of TLS on one connection to another host: the event, and the deferral if there is no
such TLS as is required."""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.interfaces.tls_sessions import AppliedPolicy, PolicyType, TLSFailure, TLSSession
from mailhost.message.client import TLSState
from mailhost.message.status import Status
from mailhost.net.tls.peer import PeerProblem
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

    @classmethod
    def failed(cls, problem: PeerProblem) -> TLSResult:
        """The result of a connection that was not made because of a problem."""
        return cls(failure=problem.kind, reason=problem.text)

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


def unusable(host: str, decision: TLSDecision, reason: str, answer: Status | None = None) -> Status:
    """Return the deferral of a message for a host that does not have the TLS that is required.
    `answer` is its reply, if that is the reason."""
    text = f"No mail is sent to {host} without the TLS that {decision.decided} requires: {reason}"
    if decision.applied is not None:
        text += f"; the administrators of {decision.applied.domain} can correct this"
    return Status(451, "4.7.5", " ".join(text.split()), answer=answer)
