"""Makes our side of TLS handshakes with other hosts, by the decision for the connection."""

from __future__ import annotations

from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import Certificate

from mailhost.net.tls.client import client_tls
from mailhost.net.tls.peer import PeerCheck, PeerHandshake, PeerProblem, PeerTLS
from mailhost.relay.tls.decision import TLSDecision


class Handshakes:
    """`authority` replaces the authorities that this machine trusts. `peers` has those in use."""

    def __init__(self, authority: Certificate | None = None) -> None:
        self.peers = PeerTLS(authority)

    def prepare(self) -> None:
        """Read the authorities, which blocks for some 20 ms; the first handshake does so
        otherwise. May be called in a thread."""
        self.peers.handshake("", PeerCheck())

    def begin(self, host: str, decision: TLSDecision) -> IOpenSSLClientConnectionCreator:
        """Return what a client hands to `transport.startTLS`. The host gets the first name that
        its certificate may be for: that of its TLSA records (RFC 7672), or its own."""
        if not decision.verified:  # a check that is of no use takes a fifth of the handshake's time
            return client_tls(host, verify=False)
        return self.peers.handshake(decision.names[0], decision.check)


def problem_of(handshake: object) -> PeerProblem | None:
    """Return the first problem that a handshake found, None for none."""
    if isinstance(handshake, PeerHandshake) and handshake.peer and handshake.peer.problems:
        return handshake.peer.problems[0]
    return None
