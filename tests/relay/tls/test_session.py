"""The event for the TLS of a connection: once for each, and none for routes."""

from __future__ import annotations

from dataclasses import replace

from mailhost.config.model import Relay
from mailhost.config.secrets import Secrets
from mailhost.interfaces.tls_sessions import PolicyType, TLSFailure, TLSSession
from mailhost.message.tls_demand import TLSDemand
from tests.fakes import envelope as envelope_to
from tests.relay.carrying import RelayCase


class Sessions(RelayCase):
    """Connections to mx.y.example at 192.0.2.3."""

    def setUp(self) -> None:
        super().setUp()
        self.mx.offers = ("PIPELINING", "STARTTLS")

    @property
    def sessions(self) -> list[TLSSession]:
        return self.events.of(TLSSession)

    def test_once_for_a_connection(self) -> None:
        self.send("a@y.example")
        self.send("b@y.example")
        (session,) = self.sessions
        self.assertEqual(("y.example", "mx.y.example"), (session.domain, session.mx))
        self.assertEqual("192.0.2.3", session.ip)
        self.assertEqual(PolicyType.NONE, session.policy.kind)
        self.assertIsNone(session.failure)

    def test_a_handshake_that_failed(self) -> None:
        self.mx.tls = "bad"
        self.send("a@y.example")
        (session,) = self.sessions
        self.assertEqual((TLSFailure.OTHER, True), (session.failure, session.delivered))
        self.assertEqual(
            "TLS to y.example at mx.y.example [192.0.2.3] failed (validation-failure), "
            "mail goes on, decided by opportunistic TLS: the TLS handshake failed: "
            "Connection to the other side was lost in a non-clean fashion: no shared cipher.",
            session.line,
        )

    def test_starttls_that_is_refused(self) -> None:
        self.mx.replies["STARTTLS"] = "454 4.7.0 not now"
        self.send("a@y.example")
        (session,) = self.sessions
        self.assertEqual(TLSFailure.STARTTLS_NOT_SUPPORTED, session.failure)
        self.assertIn("it offers STARTTLS and refuses it", session.line)

    def test_none_for_a_demand_of_the_sender_that_no_policy_meets(self) -> None:
        """It is no failure of the domain's TLS, about which reports are sent."""
        envelope = replace(envelope_to("a@y.example"), tls=TLSDemand.REQUIRED)
        self.assertIn("delayed 451", self.send(envelope=envelope)[0])
        self.assertEqual([], self.sessions)

    def test_none_where_no_tls_was_tried(self) -> None:
        self.mx.offers = ()
        self.send("a@y.example")
        self.assertEqual([], self.sessions)

    def test_none_for_a_route(self) -> None:
        self.smart.offers = ("STARTTLS",)
        for tls in ("opportunistic", "require"):
            self.make({"route": [{"via": "smart.example:25", "tls": tls}]})
            self.send("a@y.example")
        self.assertEqual([], self.sessions)


class Reloads(RelayCase):
    """Connections that were opened by other settings carry no further mail."""

    def reload(self, **tls: bool) -> None:
        settings = Relay.model_validate({"tls": tls})
        self.relay.reconfigure(settings, Secrets({}), "us.example", [])

    def test_idle_ones_are_ended(self) -> None:
        self.send("a@y.example")
        self.reload(dane=False)
        self.turn()
        self.assertEqual(0, self.mx.open)
        self.send("a@y.example")
        self.assertEqual(2, self.mx.connections)

    def test_those_in_use_are_ended_after_their_message(self) -> None:
        self.mx.end = None
        work = self.begin("a@y.example")
        self.turn()
        self.assertNoResult(work)
        self.reload(mta_sts=False)
        (link,) = self.net._links
        link._say("250 2.0.0 taken")
        self.turn()
        self.assertTrue(self.successResultOf(work)[0].status.ok)
        self.assertEqual(0, self.mx.open)

    def test_other_settings_leave_them(self) -> None:
        self.send("a@y.example")
        self.reload()
        self.send("a@y.example")
        self.assertEqual(1, self.mx.connections)
