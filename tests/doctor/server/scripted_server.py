"""Servers on loopback that say what a test wants, and the examination of one server of them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

from cryptography import x509
from OpenSSL.crypto import X509, PKey
from twisted.internet import reactor
from twisted.internet.interfaces import ITLSTransport
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.ssl import CertificateOptions, TLSVersion
from twisted.internet.task import deferLater
from twisted.protocols.basic import LineReceiver
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.server.connecting import Limits, endpoints_of
from mailhost.doctor.server.dialogue import Asked, Means
from mailhost.doctor.server.findings.of_server import findings_of_server
from mailhost.doctor.server.record import Record
from mailhost.doctor.server.services import MailProtocol, Service
from mailhost.doctor.server.survey import Surveyed, Wanted, survey
from mailhost.doctor.server.tls import TLSExaminer
from mailhost.doctor.server.transcript import Transcript
from mailhost.net.tls.certificate import current_time
from tests.net.tls.handshakes import Key, issue, pem

HOST = "mx.example"
SILENT, LOST, RESET = "silent", "lost", "reset"
PATIENT = Limits(30.0, 30.0, 30.0, 30.0, 60.0, ports=600.0, everything=600.0)
HASTY = Limits(connect=5.0, greeting=0.5, handshake=1.0, command=0.5, whole=10.0)  # for silence


@dataclass
class Script:
    """The replies of a server. `replies` are by a whole command, or by its first word (for IMAP
    without the tag); `{tag}` is the tag. SILENT says nothing, LOST closes, RESET aborts. `tls` is
    its certificate, None for no TLS."""

    greeting: str = "220 mx.example ESMTP"
    replies: Mapping[str, str] = field(default_factory=dict)
    tls: tuple[x509.Certificate, Key] | None = None
    old: bool = False  # TLS 1.1 is the newest version
    implicit: bool = False
    delay: float = 0.0
    heard: list[str] = field(default_factory=list)
    connections: int = 0  # those that are open


OFFERS = "250-mx.example\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN"
OVER_TLS = "250-mx.example\r\n250-PIPELINING\r\n250 AUTH PLAIN LOGIN"
SMTP_REPLIES = {
    "EHLO": "250-mx.example\r\n250-PIPELINING\r\n250 STARTTLS",
    "EHLO over TLS": OVER_TLS,
    "STARTTLS": "220 2.0.0 go ahead",
    "AUTH": "235 2.7.0 welcome",
    "MAIL": "250 2.1.0 OK",
    "RCPT": "250 2.1.5 OK",
    "RSET": "250 2.0.0 OK",
    "QUIT": "221 2.0.0 bye",
}
CAPABLE = "* CAPABILITY IMAP4rev1 {more}\r\n{tag} OK done"
MESSAGE = "Subject: secret\r\n\r\nThe content is secret.\r\n"
IMAP_REPLIES = {
    "CAPABILITY": CAPABLE.replace("{more}", "STARTTLS LOGINDISABLED"),
    "CAPABILITY over TLS": CAPABLE.replace("{more}", "AUTH=PLAIN"),
    "STARTTLS": "{tag} OK begin",
    "AUTHENTICATE": "+ ",
    "AGFubgBzZWNyZXQ=": "{tag} OK logged in",
    "LOGIN": "{tag} OK logged in",
    "EXAMINE": "* 3 EXISTS\r\n{tag} OK [READ-ONLY] done",
    "FETCH": f"* 3 FETCH (RFC822.SIZE {len(MESSAGE)} BODY[]<0> {{{{{len(MESSAGE)}}}}}\r\n"
    f"{MESSAGE})\r\n{{tag}} OK done",
    "LOGOUT": "* BYE bye\r\n{tag} OK done",
}
POP3_REPLIES = {
    "CAPA": "+OK\r\nSTLS\r\nTOP\r\n.",
    "CAPA over TLS": "+OK\r\nUSER\r\nTOP\r\nSASL PLAIN\r\n.",
    "STLS": "+OK begin",
    "AUTH": "+ ",
    "AGFubgBzZWNyZXQ=": "+OK logged in",
    "USER": "+OK",
    "PASS": "+OK logged in",
    "LIST": "+OK\r\n1 5000\r\n2 45\r\n.",
    "TOP": f"+OK\r\n{MESSAGE}.",
    "QUIT": "+OK bye",
}


_VERSIONS: Mapping[bool, Mapping[str, Any]] = {
    False: {},
    True: {
        "insecurelyLowerMinimumTo": TLSVersion.TLSv1_0,
        "lowerMaximumSecurityTo": TLSVersion.TLSv1_1,
    },
}


class _Server(LineReceiver):
    def __init__(self, script: Script) -> None:
        self._far = script
        self._secure = script.implicit
        self._tag = ""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._far.connections -= 1

    def connectionMade(self) -> None:
        self._far.connections += 1
        clock: Any = reactor
        clock.callLater(self._far.delay, self._say, self._far.greeting)

    def lineReceived(self, line: bytes) -> None:
        command = line.decode("utf-8", "replace")
        self._far.heard.append(command)
        if self._far.greeting.startswith("* "):
            tag, _, rest = command.partition(" ")
            self._tag, command = (tag, rest) if rest else (self._tag, command)
        word = command.split(" ")[0].upper()
        replies = self._far.replies
        over_tls = replies.get(f"{word} over TLS") if self._secure else None
        self._say(over_tls or replies.get(command) or replies.get(word, "500 5.5.1 what?"))
        if word in ("STARTTLS", "STLS"):
            self._secure = True
            if self._far.tls is None:
                self.setRawMode()
                return
            ITLSTransport(self.transport).startTLS(context_of(self._far.tls, self._far.old))

    def rawDataReceived(self, data: bytes) -> None:
        """Answer a handshake in plain text."""
        self._say("500 I cannot")

    def _say(self, text: str) -> None:
        transport: Any = self.transport
        if text == LOST:
            transport.loseConnection()
        elif text == RESET:
            transport.abortConnection()
        elif text != SILENT:
            said = text.replace("{tag}", self._tag).replace("{{", "{").replace("}}", "}")
            transport.write(said.encode() + b"\r\n")


def context_of(own: tuple[x509.Certificate, Key], old: bool) -> CertificateOptions:
    """Our side of a handshake with this certificate."""
    certificate, key = own
    private = PKey.from_cryptography_key(cast(Any, key))
    options = CertificateOptions(private, X509.from_cryptography(certificate), **_VERSIONS[old])
    if old:  # OpenSSL refuses the signatures of old versions otherwise
        options.getContext().set_cipher_list(b"DEFAULT:@SECLEVEL=0")
    return options


class ServerCase(TestCase):
    """An authority, servers, and what the doctor finds about them."""

    limits = PATIENT

    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.authority = issue("an authority of tests")
        roots = os.path.join(self.folder, "roots.pem")
        with open(roots, "wb") as file:
            file.write(pem(self.authority[0]))
        self.examiner = TLSExaminer(roots)
        self.own = self.certificate(HOST)
        self.transcripts: list[Transcript] = []
        self.asked = Asked()
        self.fars: list[Script] = []

    def certificate(self, name: str, ends: timedelta = timedelta(days=90)) -> Any:
        """A certificate of the authority that is valid from 90 days ago."""
        now = current_time()
        life = (now - timedelta(days=90), now + ends)
        return issue(name, *self.authority, ca=False, life=life)

    def listen(self, script: Script, address: str = "127.0.0.1") -> int:
        """Start a server, and return its port."""
        self.fars.append(script)
        factory: Any = Factory.forProtocol(lambda: _Server(script))
        if script.implicit and script.tls is not None:
            factory = TLSMemoryBIOFactory(context_of(script.tls, script.old), False, factory)
        factory.noisy = False
        listening = cast(Any, reactor).listenTCP(0, factory, interface=address)
        self.addCleanup(listening.stopListening)
        port: int = listening.getHost().port
        return port

    def smtp(self, **replies: str) -> Script:
        """A server without fault, but for these replies."""
        return Script(replies={**SMTP_REPLIES, **replies}, tls=self.own)

    def service(
        self,
        script: Script,
        protocol: MailProtocol = MailProtocol.SMTP,
        between_servers: bool = False,
    ) -> Service:
        """A server that listens, as it is expected."""
        return Service(self.listen(script), protocol, script.implicit, between_servers)

    async def closed_port(self) -> int:
        """A port at which nothing listens."""
        listening = cast(Any, reactor).listenTCP(0, Factory(), interface="127.0.0.1")
        port: int = listening.getHost().port
        await listening.stopListening()
        return port

    async def examine(
        self,
        *services: Service,
        port: int | None = None,
        addresses: Sequence[str] = ("127.0.0.1",),
    ) -> list[Finding]:
        """Examine the services of a host, or one port of it, and return the findings."""
        self.surveyed = await self.survey(services, port, addresses)
        await self.settle()
        return list(findings_of_server(self.surveyed))

    async def settle(self) -> None:
        """Wait until the connections that were closed have ended on both sides."""
        await deferLater(cast(Any, reactor), 0)
        while any(script.connections for script in self.fars):
            await deferLater(cast(Any, reactor), 0.002)

    async def survey(
        self, services: Sequence[Service], port: int | None, addresses: Sequence[str]
    ) -> Surveyed:
        """Return what is seen of a host."""
        wanted = Wanted(HOST, port, self.asked, services)

        async def addresses_of(host: str) -> Sequence[str]:
            return addresses

        return await survey(self.means(), addresses_of, wanted)

    def means(self) -> Means:
        """Return the services and settings of the probes."""
        return Means(
            cast(Any, reactor),
            endpoints_of(cast(Any, reactor)),
            self.examiner,
            current_time(),
            "us.example",
            self.transcripts.append,
            self.limits,
        )

    def assert_faults(self, findings: Sequence[Finding], *names: str) -> Finding:
        """Assert which faults there are, and return the finding about the first."""
        faults = [finding for finding in findings if finding.verdict is not Verdict.OK]
        self.assertEqual(list(names), [finding.name.removeprefix("doctor/") for finding in faults])
        return faults[0] if faults else findings[0]

    def record(self, number: int = 0) -> Record:
        """One of the records of the last survey."""
        return self.surveyed.records[number]


def implicit(script: Script) -> Script:
    """The same server with TLS from the beginning."""
    return replace(script, implicit=True)
