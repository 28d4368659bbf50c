"""Servers that never answer: everything ends in well under a minute, by a clock that is turned."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint, ITLSTransport
from twisted.internet.task import Clock, deferLater
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides, implementer, providedBy

from mailhost.doctor.finding import Finding
from mailhost.doctor.server.checks import SECONDS
from mailhost.doctor.server.connecting import Limits
from mailhost.doctor.server.dialogue import Asked, Means
from mailhost.doctor.server.findings.of_server import findings_of_server
from mailhost.doctor.server.services import SERVICES, Place
from mailhost.doctor.server.survey import NOTHING, Surveyed, Wanted, survey
from mailhost.doctor.server.tls import TLSExaminer
from mailhost.interfaces.dns import NoSuchDomain, ResolveFailed
from mailhost.net.tls.certificate import current_time

HOST, ADDRESSES = "mx.example", ("192.0.2.1", "2001:db8::1")


class Transport(StringTransport):
    """Ends when it is aborted; its handshake has no end."""

    def __init__(self) -> None:
        super().__init__()
        directlyProvides(self, providedBy(self), ITLSTransport)

    def startTLS(self, contextFactory: object) -> None:
        pass

    def abortConnection(self) -> None:
        self.loseConnection()


class WithoutTLS(Transport):
    """A server that offers a login without TLS, and does not answer it."""

    protocol: Any = None

    def write(self, data: bytes) -> None:
        if data.startswith(b"EHLO"):
            self.protocol.dataReceived(b"250-mx.example\r\n250 AUTH PLAIN\r\n")


@implementer(IStreamClientEndpoint)
class Endpoint:
    """A port that says nothing, or to which no connection can be made; with `greets` a server
    WithoutTLS."""

    def __init__(self, clock: Clock, connects: bool, seconds: float, greets: bool) -> None:
        self._clock = clock
        self._connects = connects
        self._seconds = seconds
        self._greets = greets

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        connected: Deferred[Any] = Deferred()

        def connect() -> None:
            protocol: Any = protocolFactory.buildProtocol(IPv4Address("TCP", ADDRESSES[0], 25))
            transport: Any = WithoutTLS() if self._greets else Transport()
            transport.protocol = protocol
            protocol.makeConnection(transport)
            if self._greets:
                protocol.dataReceived(b"220 mx.example\r\n")
            connected.callback(protocol)

        if self._connects and self._seconds:
            self._clock.callLater(self._seconds, connect)
        elif self._connects:
            connect()
        return connected


class SilenceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.connecting: set[int] = set()
        self.seconds_to_connect = self.seconds_of_dns = 0.0
        self.greeting: set[int] = set()
        self.tried: list[int] = []
        self.limits = Limits()
        self.asked = NOTHING

    def examine(self, port: int | None) -> tuple[float, list[Finding]]:
        """Return after how many seconds there are findings, and these."""
        means = Means(
            self.clock,
            self._open,
            TLSExaminer(),
            current_time(),
            "us.example",
            lambda _: None,
            self.limits,
        )

        async def addresses_of(host: str) -> Sequence[str]:
            if self.seconds_of_dns:
                await deferLater(self.clock, self.seconds_of_dns)
            return ADDRESSES

        wanted = Wanted(HOST, port, self.asked)
        work = Deferred.fromCoroutine(survey(means, addresses_of, wanted))
        for tenths in range(1200):
            if work.called:
                return tenths / 10, list(findings_of_server(self.successResultOf(work)))
            self.clock.advance(0.1)
        raise AssertionError("there is no end")

    def _open(self, place: Place, seconds: float) -> IStreamClientEndpoint:
        self.tried.append(place.port)
        connects = place.port in self.connecting
        return Endpoint(self.clock, connects, self.seconds_to_connect, place.port in self.greeting)

    def names(self, findings: Sequence[Finding]) -> list[str]:
        return [finding.name.removeprefix("doctor/") for finding in findings]

    def test_no_port_answers(self) -> None:
        for port in (None, 25, 993, 4711):
            seconds, findings = self.examine(port)
            self.assertEqual(["server-silent"], self.names(findings))
            self.assertLess(seconds, 15)

    def test_each_port_accepts_and_says_nothing(self) -> None:
        self.connecting = {service.port for service in SERVICES}
        for port in (None, 25, 993):
            seconds, findings = self.examine(port)
            self.assertEqual(["server-stalled"], self.names(findings))
            self.assertLess(seconds, SECONDS - 10)

    def test_what_was_seen_is_kept_if_each_step_is_slow(self) -> None:
        self.connecting = {service.port for service in SERVICES}
        self.seconds_to_connect, self.seconds_of_dns = 5.9, 9.5
        for port in (None, 25, 993):
            seconds, findings = self.examine(port)
            self.assertEqual(["server-stalled"], self.names(findings))
            self.assertLess(seconds, Limits().everything)
        self.assertLess(Limits().everything, SECONDS)

    def test_a_login_ends_in_time_too(self) -> None:
        self.connecting, self.greeting = {service.port for service in SERVICES}, {587}
        self.seconds_to_connect, self.seconds_of_dns = 5.9, 9.5
        self.asked = Asked("ann", "secret", insecure=True)
        self.limits = Limits(everything=40.0)
        seconds, findings = self.examine(587)
        self.assertEqual(["", "starttls-missing", "login-not-tried"], self.names(findings))
        self.assertIn("no end within", findings[-1].seen)
        self.assertAlmostEqual(40.0, seconds, delta=0.2)

    def test_port_25_alone_is_blocked(self) -> None:
        self.connecting = {465, 587}
        _, findings = self.examine(25)
        [blocked] = findings
        self.assertEqual("doctor/port-25-blocked", blocked.name)
        self.assertIn("Mail programs use port 465 or 587", blocked.remedy)

    def test_the_named_port_is_tried_first(self) -> None:
        self.examine(587)
        self.assertEqual([587, 587], self.tried[:2])
        self.assertEqual({25, 465, 2525}, set(self.tried[2:]))

    def test_no_timer_is_left(self) -> None:
        self.connecting = {25, 143}
        self.examine(None)
        self.assertEqual([], self.clock.getDelayedCalls())


class NameTests(SynchronousTestCase):
    def survey(self, answer: Exception | Sequence[str]) -> Finding:
        async def addresses_of(host: str) -> Sequence[str]:
            if isinstance(answer, Exception):
                raise answer
            return answer

        means: Any = SimpleNamespace(now=current_time(), clock=Clock())  # nothing is connected to
        work = survey(means, addresses_of, Wanted(HOST, None))
        surveyed: Surveyed = self.successResultOf(Deferred.fromCoroutine(work))
        [finding] = findings_of_server(surveyed)
        return finding

    def test_names_that_lead_nowhere(self) -> None:
        for answer, name in (
            (NoSuchDomain(HOST), "server-name-missing"),
            ([], "server-name-missing"),
            (ResolveFailed("SERVFAIL"), "server-name-unresolved"),
        ):
            self.assertEqual(f"doctor/{name}", self.survey(answer).name)
