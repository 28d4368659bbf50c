"""From an IP address to a dialogue that is ready for mail: connect, greet, TLS, log in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    wrapClientTLS,
)
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IStreamClientEndpoint,
)

from mailhost.interfaces.reactor import IReactor
from mailhost.interfaces.tls_sessions import TLSFailure
from mailhost.message.status import Status
from mailhost.net.connect import ConnectFailed, connect
from mailhost.net.tls.server import tls_state
from mailhost.relay.sources import USUAL, Source
from mailhost.relay.tls.decision import OPPORTUNISTIC, TLSDecision, TLSUse
from mailhost.relay.tls.session import TLSResult
from mailhost.smtp.client.connect import HandshakeFailed, Unreachable, start_tls
from mailhost.smtp.client.dialogue import Dialogue
from mailhost.smtp.client.protocol import ConnectionBroken, SMTPClient
from mailhost.smtp.client.timeouts import Timeouts

OURSELVES = Status(451, "4.4.6", "It calls itself by our own name, so mail would come back here")
SUBMISSIONS = 465  # TLS from the first octet, RFC 8314 §3.3
RFC_TIMEOUTS = Timeouts()
ClientTLS = Callable[[str, bool], IOpenSSLClientConnectionCreator]


@dataclass(frozen=True, slots=True)
class Target:
    """A host at one address, the TLS and login for it, and our side of the connection."""

    name: str
    ip: str
    port: int
    tls: TLSDecision = OPPORTUNISTIC
    user: str = ""
    password: str = ""
    source: Source = USUAL

    def __str__(self) -> str:
        return f"{self.name.strip('[]')} [{self.ip}]"


@dataclass(frozen=True, slots=True)
class Opened:
    """A dialogue that is ready for mail, and what became of TLS."""

    dialogue: Dialogue
    tls: TLSResult


class Connector:
    """Opens connections. `hostname` is our name in EHLO, unless the target has another one."""

    def __init__(
        self, reactor: IReactor, hostname: str, tls: ClientTLS, timeouts: Timeouts = RFC_TIMEOUTS
    ) -> None:
        self.hostname = hostname
        self.connect_timeout = 30.0
        self._reactor = reactor
        self._tls = tls
        self._timeouts = timeouts

    async def open(self, target: Target) -> Opened:
        """Return a dialogue ready for mail. Raises Unreachable, and TLSUnusable if TLS is the
        reason.

        Where TLS is not required and the handshake fails, a second connection is made without TLS.
        """
        try:
            return await self._open(target, target.tls.use is not TLSUse.NEVER)
        except HandshakeFailed as error:
            failed, result = error, TLSResult(failure=TLSFailure.OTHER, reason=str(error))
        if target.tls.use is not TLSUse.OFFERED:
            text = "The TLS handshake failed, and TLS is required"
            status = Status(451, "4.7.5", text, f"{target}: {failed}", failed.answer)
            raise TLSUnusable(status, str(target), result) from failed
        opened = await self._open(target, with_tls=False)
        return replace(opened, tls=replace(result, own_ip=opened.tls.own_ip))

    async def _open(self, target: Target, with_tls: bool) -> Opened:
        client = await self._connect(target)
        dialogue = Dialogue(client, target.source.hello or self.hostname, self._timeouts)
        try:
            refusal = await dialogue.greet()
            if refusal is None and with_tls and not client.secure:
                refusal = await self._start_tls(client, dialogue, target)
            if refusal is None and target.user:
                refusal = await dialogue.log_in(target.user, target.password)
        except ConnectionBroken as broken:
            if broken.status is not None:
                raise Unreachable(deferral(broken.status), str(target)) from broken
            raise _unreachable(target, str(broken), dialogue.greeted) from broken
        except Exception:
            dialogue.abort()
            raise
        result = _tls_result(client, "STARTTLS" in dialogue.offers, target.tls)
        if refusal is None and dialogue.peer != self.hostname.lower():
            return Opened(dialogue, result)
        await dialogue.quit()
        if refusal is None:
            raise LeadsBack(OURSELVES, str(target))
        if target.tls.required and not client.secure:
            raise TLSUnusable(deferral(refusal), str(target), result)
        raise Unreachable(deferral(refusal), str(target))

    async def _start_tls(
        self, client: SMTPClient, dialogue: Dialogue, target: Target
    ) -> Status | None:
        tls = target.tls
        return await start_tls(
            client, dialogue, lambda: self._tls(target.name, tls.verified), tls.required
        )

    async def _connect(self, target: Target) -> SMTPClient:
        client = SMTPClient(self._reactor)
        endpoint = self._endpoint(target)
        implicit = target.port == SUBMISSIONS
        if implicit:
            options = self._tls(target.name, target.tls.verified)
            endpoint = wrapClientTLS(options, endpoint)
        try:
            await connect(endpoint, client, self._reactor, self.connect_timeout)
        except ConnectFailed as failed:
            raise _unreachable(target, str(failed)) from failed
        client.secure = implicit
        return client

    def _endpoint(self, target: Target) -> IStreamClientEndpoint:
        make = TCP6ClientEndpoint if ":" in target.ip else TCP4ClientEndpoint
        bound = target.source.own(target.ip)
        own = (bound, 0) if bound else None
        return make(
            self._reactor, target.ip, target.port, timeout=self.connect_timeout, bindAddress=own
        )


class LeadsBack(Unreachable):
    """The host at the address calls itself by our own name."""


class TLSUnusable(Unreachable):
    """The host was reached, and there is not the TLS with it that is required: `tls` says why."""

    def __init__(self, status: Status, by: str, tls: TLSResult) -> None:
        super().__init__(status, by)
        self.tls = tls


def deferral(refusal: Status) -> Status:
    """Return a temporary status for a refusal of our connection: only a refusal of a message may
    fail the message for good."""
    if refusal.temporary:
        return refusal
    text = f"The host does not want mail from us now: {refusal}"
    return Status(451, f"4{refusal.enhanced[1:]}", text, answer=refusal.answer)


def _tls_result(client: SMTPClient, offered: bool, decision: TLSDecision) -> TLSResult:
    """Return what became of TLS on a connection that was not lost."""
    transport = client.transport
    own_ip = str(getattr(transport.getHost(), "host", "")) if transport else ""
    if client.secure:
        return TLSResult(True, tls_state(transport), own_ip=own_ip)
    if decision.use is TLSUse.NEVER or not (offered or decision.required):
        return TLSResult(own_ip=own_ip)
    reason = (
        "the host offers STARTTLS and refuses it" if offered else "the host does not offer STARTTLS"
    )
    return TLSResult(False, None, TLSFailure.STARTTLS_NOT_SUPPORTED, reason, own_ip)


def _unreachable(target: Target, cause: str, talked: bool = False) -> Unreachable:
    text = f"{target} cannot take mail now: {cause}"
    return Unreachable(Status(451, "4.4.1", " ".join(text.split())), str(target) if talked else "")
