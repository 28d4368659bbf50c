"""Our side of handshakes: the name that the host is asked for, and the check of its certificate."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.model import RouteTLS
from mailhost.dane.lookups import TLSAAnswer
from mailhost.interfaces.dns import TLSARecord
from mailhost.net.tls.peer import PeerHandshake
from mailhost.net.tls.server import ServerTLS
from mailhost.relay.tls.decision import (
    OPPORTUNISTIC,
    HostFacts,
    TLSDecision,
    TLSPolicies,
    decide,
)
from mailhost.relay.tls.handshakes import Handshakes, problem_of
from tests.authority import Authority
from tests.net.tls.handshakes import shake

HOST = "mx.example.org"


class HandshakeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.authority = Authority.new()
        self.handshakes = Handshakes(self.authority.trust_root)

    def name_sent(self, decision: TLSDecision, host: str = HOST) -> str:
        """The server name that a host is asked for."""
        server = ServerTLS([self.authority.issue("any.example.org")])
        there, _ = shake(server, self.handshakes.begin(host, decision))
        assert there.state is not None
        return there.state.server_name

    def test_the_name_that_is_sent(self) -> None:
        self.assertEqual(HOST, self.name_sent(OPPORTUNISTIC))
        self.assertEqual("", self.name_sent(OPPORTUNISTIC, "[192.0.2.1]"))

    def test_the_name_of_the_tlsa_records(self) -> None:
        answer = TLSAAnswer("real.example.net", (TLSARecord(3, 1, 1, bytes(32)),))
        decision = decide(TLSPolicies("example.org"), HostFacts(HOST, answer, ("example.org",)))
        handshake = self.handshakes.begin(HOST, decision)
        assert isinstance(handshake, PeerHandshake)
        self.assertEqual(b"real.example.net", handshake._server_name)

    def test_a_route_to_an_address(self) -> None:
        decision = decide(TLSPolicies("", RouteTLS.REQUIRE), HostFacts("192.0.2.1"))
        handshake = self.handshakes.begin("[192.0.2.1]", decision)
        server = ServerTLS([self.authority.issue("192.0.2.1")])
        _, here = shake(server, handshake)
        self.assertIsNotNone(here.state)
        self.assertIsNone(problem_of(handshake))
        self.assertIsNone(problem_of(None))
