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
from mailhost.net.tls.peer import PeerProblem
from mailhost.net.tls.server import tls_state
from mailhost.relay.sources import USUAL, Source
from mailhost.relay.tls.decision import OPPORTUNISTIC, TLSDecision, TLSUse
from mailhost.relay.tls.handshakes import problem_of
from mailhost.relay.tls.session import TLSResult, unusable
from mailhost.smtp.client.connect import HandshakeFailed, Unreachable, start_tls
from mailhost.smtp.client.dialogue import Dialogue
from mailhost.smtp.client.protocol import ConnectionBroken, SMTPClient
from mailhost.smtp.client.timeouts import Timeouts

OURSELVES = Status(451, "4.4.6", "It calls itself by our own name, so mail would come back here")
SUBMISSIONS = 465  # TLS from the first octet, RFC 8314 §3.3
RFC_TIMEOUTS = Timeouts()
BeginTLS = Callable[[str, TLSDecision], IOpenSSLClientConnectionCreator]


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
    """Opens connections. `hostname` is our name in EHLO, unless the target has another one.
    `begin_tls` makes our side of a handshake with a host."""

    def __init__(
        self,
        reactor: IReactor,
        hostname: str,
        begin_tls: BeginTLS,
        timeouts: Timeouts = RFC_TIMEOUTS,
    ) -> None:
        self.hostname = hostname
        self.begin_tls = begin_tls
        self.connect_timeout = 30.0
        self._reactor = reactor
        self._timeouts = timeouts

    async def open(self, target: Target) -> Opened:
        """Return a dialogue ready for mail. Raises Unreachable, and TLSUnusable if TLS is the
        reason.

        Where TLS is not required and the handshake fails, a second connection is made without TLS.
        """
        try:
            return await self._open(target, target.tls.use is not TLSUse.NEVER)
        except _BadHandshake as bad:
            result, answer = bad.tls, bad.answer
        if target.tls.use is not TLSUse.OFFERED:
            status = unusable(str(target), target.tls, result.reason, answer)
            raise TLSUnusable(status, str(target), result)
        opened = await self._open(target, with_tls=False)
        return replace(opened, tls=replace(result, own_ip=opened.tls.own_ip))

    async def _open(self, target: Target, with_tls: bool) -> Opened:
        client = await self._connect(target)
        dialogue = Dialogue(client, target.source.hello or self.hostname, self._timeouts)
        result = None
        try:
            refusal = await dialogue.greet()
            if refusal is None and with_tls and not client.secure:
                refusal, result = await self._start_tls(client, dialogue, target)
            if refusal is None and target.user:
                refusal = await dialogue.log_in(target.user, target.password)
        except ConnectionBroken as broken:
            if broken.status is not None:
                raise Unreachable(deferral(broken.status), str(target)) from broken
            raise _unreachable(target, str(broken), dialogue.greeted) from broken
        except Exception:
            dialogue.abort()
            raise
        result = result or TLSResult(client.secure, own_ip=_own_ip(client))
        if refusal is None and dialogue.peer != self.hostname.lower():
            return Opened(dialogue, result)
        await dialogue.quit()
        if refusal is None:
            raise LeadsBack(OURSELVES, str(target))
        if result.failure is not None and target.tls.required:
            status = unusable(str(target), target.tls, result.reason, refusal.answer)
            raise TLSUnusable(status, str(target), result)
        raise Unreachable(deferral(refusal), str(target))

    async def _start_tls(
        self, client: SMTPClient, dialogue: Dialogue, target: Target
    ) -> tuple[Status | None, TLSResult]:
        """Use STARTTLS if it is offered. Return the refusal of the host, if any, and what became
        of TLS. Raises _BadHandshake."""
        decision = target.tls
        handshake: IOpenSSLClientConnectionCreator | None = None

        def begin() -> IOpenSSLClientConnectionCreator:
            nonlocal handshake
            handshake = self.begin_tls(target.name, decision)
            return handshake

        offered = "STARTTLS" in dialogue.offers
        own_ip = _own_ip(client)
        try:
            refusal = await start_tls(client, dialogue, begin, decision.required)
        except HandshakeFailed as failed:
            text = " ".join(str(failed).split())[:200]  # may quote the host
            cause = problem_of(handshake) or PeerProblem(TLSFailure.OTHER, text)
            result = replace(TLSResult.failed(cause), own_ip=own_ip)
            raise _BadHandshake(result, failed.answer) from failed
        if not client.secure:
            return refusal, _without_tls(decision, offered, own_ip)
        problem = decision.problem or problem_of(handshake)
        result = TLSResult(True, tls_state(client.transport), own_ip=own_ip)
        if problem is not None:
            result = replace(result, failure=problem.kind, reason=problem.text)
        return refusal, result

    async def _connect(self, target: Target) -> SMTPClient:
        client = SMTPClient(self._reactor)
        endpoint = self._endpoint(target)
        implicit = target.port == SUBMISSIONS
        if implicit:
            options = self.begin_tls(target.name, target.tls)
            endpoint = wrapClientTLS(options, endpoint)
        try:
            await connect(endpoint, client, self._reactor, self.connect_timeout)
        except ConnectFailed as failed:
            own = target.source.own(target.ip)
            cause = f"{failed} (from {own})" if own else str(failed)
            raise _unreachable(target, cause) from failed
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


class _BadHandshake(Exception):
    """The handshake failed. `answer` is a reply that the host sent instead, None if there was
    none."""

    def __init__(self, tls: TLSResult, answer: Status | None) -> None:
        super().__init__(tls.reason)
        self.tls = tls
        self.answer = answer


def _without_tls(decision: TLSDecision, offered: bool, own_ip: str) -> TLSResult:
    """Return the result of a connection without TLS: a failure where it was offered, or is
    wanted."""
    wanted = decision.required or decision.applied is not None or decision.remembered
    if not offered and not wanted:
        return TLSResult(own_ip=own_ip)
    reason = "it offers STARTTLS and refuses it" if offered else "it does not offer STARTTLS"
    if decision.remembered:
        reason += f", though it had TLS on {decision.remembered}"
    return TLSResult(False, None, TLSFailure.STARTTLS_NOT_SUPPORTED, reason, own_ip)


def _own_ip(client: SMTPClient) -> str:
    return str(getattr(client.transport.getHost(), "host", "")) if client.transport else ""


def _unreachable(target: Target, cause: str, talked: bool = False) -> Unreachable:
    text = f"{target} cannot take mail now: {cause}"
    return Unreachable(Status(451, "4.4.1", " ".join(text.split())), str(target) if talked else "")
