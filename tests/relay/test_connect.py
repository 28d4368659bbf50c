"""Connections to other hosts: addresses, TLS, and names in reports."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.status import Status
from mailhost.relay.connect import Connector, Target, deferral
from mailhost.relay.sources import Source
from tests.relay.carrying import RelayCase

BUSY = Status(421, "4.3.2", "Busy")
REFUSAL = Status(554, "5.7.1", "Go away", answer=Status(554, "5.7.1", "Go away"))


class Deferrals(SynchronousTestCase):
    """A refusal of our connection is never one of a message."""

    def test_a_temporary_refusal_stays(self) -> None:
        self.assertIs(BUSY, deferral(BUSY))

    def test_a_permanent_one_becomes_temporary(self) -> None:
        status = deferral(REFUSAL)
        self.assertEqual((451, "4.7.1"), (status.code, status.enhanced))
        self.assertEqual(REFUSAL.answer, status.answer)
        self.assertIn("554 5.7.1 Go away", status.text)


class Targets(SynchronousTestCase):
    def test_the_name_in_reports(self) -> None:
        self.assertEqual("mx.example [192.0.2.1]", str(Target("mx.example", "192.0.2.1", 25)))
        self.assertEqual("192.0.2.1 [192.0.2.1]", str(Target("[192.0.2.1]", "192.0.2.1", 25)))

    def test_the_own_address_is_bound_for_its_family_alone(self) -> None:
        connector = Connector(Clock(), "us.example", lambda name, required: None)  # type: ignore[arg-type, return-value]
        source = Source(("192.0.2.77",))
        for ip, bound in (("192.0.2.1", ("192.0.2.77", 0)), ("2001:db8::1", None)):
            endpoint = connector._endpoint(Target("mx.example", ip, 25, source=source))
            self.assertEqual(bound, vars(endpoint)["_bindAddress"])


class ImplicitTLS(RelayCase):
    """Port 465 (RFC 8314 §3.3)."""

    def test_the_handshake_comes_first(self) -> None:
        self.make({"route": [{"via": "smart.example:465", "tls": "require"}]})
        self.begin("a@x.example")
        self.turn()
        self.assertEqual([("smart.example", True)], self.tls)
