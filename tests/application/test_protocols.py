"""Which session a listener gets, and by which rules."""

from __future__ import annotations

from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.application.foundation import Foundation
from mailhost.application.protocols import machine_maker, make_factory
from mailhost.application.services import Services
from mailhost.concurrency.pauses import no_pause
from mailhost.config.model import LimitSettings, Listen, OfferDSN, Relay, Settings
from mailhost.config.protocol import ListenProtocol
from mailhost.imap.session import ImapSession
from mailhost.interfaces.counts import NoCounts
from mailhost.interfaces.wire import IMachine
from mailhost.message.client import Client
from mailhost.net.account_limit import AccountLimit
from mailhost.net.account_sessions import AccountSessions
from mailhost.net.limits import Bounds, ConnectionLimits
from mailhost.pop3.session import Pop3Session
from mailhost.reception.stopped import StoppedAddresses
from mailhost.smtp.server.session import Session
from tests.fake_wire import FakeWire, drive

SETTINGS = Settings(version=1, hostname="mx.example.org", data="/nowhere")


SESSIONS: dict[ListenProtocol, type] = {
    ListenProtocol.POP3: Pop3Session,
    ListenProtocol.POP3S: Pop3Session,
    ListenProtocol.IMAP: ImapSession,
    ListenProtocol.IMAPS: ImapSession,
}
MAIL = [wire for wire in ListenProtocol if not wire.web]
ALPN = {
    ListenProtocol.HTTP: (b"http/1.1",),
    ListenProtocol.HTTPS: (b"http/1.1",),
    ListenProtocol.POP3: (b"pop3",),
    ListenProtocol.POP3S: (b"pop3",),
    ListenProtocol.IMAP: (b"imap",),
    ListenProtocol.IMAPS: (b"imap",),
}


def foundation() -> Foundation:
    """A foundation without disk and network."""
    return cast(
        Foundation,
        SimpleNamespace(
            reactor=Clock(),
            events=SimpleNamespace(emit=lambda event: None),
            counts=NoCounts(),
            directory=SimpleNamespace(),
            in_thread=None,
            pause=no_pause,
            limits=ConnectionLimits(Bounds(0, 0)),
            account_limit=AccountLimit(1),
            sessions=AccountSessions(),
            stopped=StoppedAddresses(),
            tls=SimpleNamespace(factory=lambda role: role),
        ),
    )


def services(settings: Settings = SETTINGS) -> Services:
    """Services that no session here comes to use."""
    nobody = SimpleNamespace(mechanisms=lambda client: ())
    return cast(
        Services,
        SimpleNamespace(
            settings=settings,
            foundation=foundation(),
            router=SimpleNamespace(),
            handover=SimpleNamespace(),
            outgoing=SimpleNamespace(),
            incoming="/nowhere",
            authenticator=nobody,
            guard=SimpleNamespace(),
            chains={},
            store=SimpleNamespace(),
            accounts=SimpleNamespace(),
        ),
    )


class Machines(SynchronousTestCase):
    def make(
        self, wire: ListenProtocol, settings: Settings = SETTINGS
    ) -> tuple[IMachine, FakeWire]:
        """A session of this wire."""
        output = FakeWire()
        client = Client("127.0.0.1", 1, wire.value)
        listen = Listen(protocol=wire, endpoint="tcp:0")
        maker = machine_maker(services(settings), listen)
        return maker(cast(Any, output), client), output

    def test_each_protocol_has_its_session(self) -> None:
        for wire in MAIL:
            machine, _ = self.make(wire)
            expected: type = SESSIONS.get(wire, Session)
            self.assertIsInstance(machine, expected, wire)

    def test_submission_demands_a_login(self) -> None:
        for wire in (ListenProtocol.SUBMISSION, ListenProtocol.SUBMISSIONS):
            machine, output = self.make(wire)
            drive(machine, b"EHLO me.example\r\nMAIL FROM:<a@b.example>\r\n")
            self.assertIn(b"530 5.7.0", output.sent)

    def test_clients_that_may_ask_for_reports_of_success(self) -> None:
        known = SETTINGS.model_copy(update={"limits": LimitSettings(dsn=OfferDSN.KNOWN)})
        networks = (ip_network("127.0.0.0/8"),)
        listed = known.model_copy(update={"relay": Relay(networks=networks)})
        for wire, settings, offered in (
            (ListenProtocol.SMTP, SETTINGS, True),
            (ListenProtocol.SMTP, known, False),
            (ListenProtocol.SMTP, listed, True),
            (ListenProtocol.SUBMISSION, known, True),
            (ListenProtocol.LMTP, known, True),
        ):
            machine, output = self.make(wire, settings)
            drive(
                machine,
                b"%b me.example\r\n" % (b"LHLO" if wire is ListenProtocol.LMTP else b"EHLO"),
            )
            self.assertEqual(b"250-DSN\r\n" in output.sent, offered, (wire, settings.limits.dsn))

    def test_no_listener_but_a_proxy_offers_binary_mail(self) -> None:
        for wire in (
            ListenProtocol.SMTP,
            ListenProtocol.SUBMISSION,
            ListenProtocol.SUBMISSIONS,
            ListenProtocol.LMTP,
        ):
            machine, output = self.make(wire)
            drive(
                machine,
                b"%s me.example\r\n" % (b"LHLO" if wire is ListenProtocol.LMTP else b"EHLO"),
            )
            self.assertIn(b"250-CHUNKING\r\n", output.sent)
            self.assertNotIn(b"BINARYMIME", output.sent)

    def test_http_ends_every_session(self) -> None:
        for wire in MAIL:
            machine, output = self.make(wire)
            drive(machine, b"POST / HTTP/1.1\r\nEHLO x\r\nCAPA\r\n")
            self.assertIn(b"does not speak HTTP; goodbye\r\n", output.sent, wire)
            self.assertTrue(output.hung_up, wire)

    def test_lmtp_wants_lhlo(self) -> None:
        machine, output = self.make(ListenProtocol.LMTP)
        drive(machine, b"EHLO me.example\r\nLHLO me.example\r\n")
        self.assertIn(b"500 5.5.1", output.sent)
        self.assertIn(b"250-mx.example.org", output.sent)

    def test_the_words_for_no_room_are_the_wires_own(self) -> None:
        for wire, text in (
            (ListenProtocol.SMTP, b"421 4.3.2 "),
            (ListenProtocol.POP3, b"-ERR [SYS/TEMP] "),
        ):
            listen = Listen(protocol=wire, endpoint="tcp:0")
            factory: Any = make_factory(foundation(), listen)
            refusal = factory._limits.admit("127.0.0.1")
            assert refusal is not None
            self.assertTrue(factory.served.busy(refusal).startswith(text))

    def test_the_tls_role_of_each_listener(self) -> None:
        """Port 25 is for servers that would send in the clear; nobody else is as lenient."""
        for wire in ListenProtocol:
            listen = Listen(protocol=wire, endpoint="tcp:0")
            role: Any = make_factory(foundation(), listen).tls
            self.assertEqual(role.opportunistic, wire is ListenProtocol.SMTP, wire)
            self.assertEqual(role.protocols, ALPN.get(wire, ()), wire)
