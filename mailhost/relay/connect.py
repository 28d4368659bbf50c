"""From an IP address to a dialogue that is ready for mail: connect, greet, TLS, log in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    wrapClientTLS,
)
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IStreamClientEndpoint,
)

from mailhost.config.model import RouteTLS
from mailhost.interfaces.reactor import IReactor
from mailhost.message.status import Status
from mailhost.net.connect import ConnectFailed, connect
from mailhost.smtp.client.connect import HandshakeFailed, Unreachable, open_over_tls, start_tls
from mailhost.smtp.client.dialogue import Dialogue
from mailhost.smtp.client.protocol import ConnectionBroken, SMTPClient
from mailhost.smtp.client.timeouts import Timeouts

OURSELVES = Status(451, "4.4.6", "It calls itself by our own name, so mail would come back here")
SUBMISSIONS = 465  # TLS from the first octet, RFC 8314 §3.3
RFC_TIMEOUTS = Timeouts()
ClientTLS = Callable[[str, bool], IOpenSSLClientConnectionCreator]


@dataclass(frozen=True, slots=True)
class Target:
    """A host at one address, and the TLS and login for it."""

    name: str
    ip: str
    port: int
    tls: RouteTLS = RouteTLS.OPPORTUNISTIC
    user: str = ""
    password: str = ""

    def __str__(self) -> str:
        return f"{self.name.strip('[]')} [{self.ip}]"


class Connector:
    """Opens connections. `bind` is our own address, empty for any."""

    def __init__(
        self, reactor: IReactor, hostname: str, tls: ClientTLS, timeouts: Timeouts = RFC_TIMEOUTS
    ) -> None:
        self.hostname = hostname
        self.bind = ""
        self.connect_timeout = 30.0
        self._reactor = reactor
        self._tls = tls
        self._timeouts = timeouts

    async def open(self, target: Target) -> Dialogue:
        """Return a dialogue ready for mail. Raises Unreachable.

        Where TLS is opportunistic and the handshake fails, a second connection is made without TLS.
        """
        required = target.tls is RouteTLS.REQUIRE or bool(target.user)
        try:
            return await open_over_tls(
                lambda with_tls: self._open(target, with_tls),
                wanted=target.tls is not RouteTLS.NEVER,
                required=required,
            )
        except HandshakeFailed as failed:
            text = "The TLS handshake failed, and TLS is required"
            status = Status(451, "4.7.5", text, f"{target}: {failed}", failed.answer)
            raise Unreachable(status, str(target)) from failed

    async def _open(self, target: Target, with_tls: bool) -> Dialogue:
        client = await self._connect(target)
        dialogue = Dialogue(client, self.hostname, self._timeouts)
        try:
            refusal = await dialogue.greet()
            if refusal is None and with_tls and not client.secure:
                required = target.tls is RouteTLS.REQUIRE
                refusal = await start_tls(
                    client, dialogue, lambda: self._tls(target.name, required), required
                )
            if refusal is None and target.user:
                refusal = await dialogue.log_in(target.user, target.password)
        except ConnectionBroken as broken:
            if broken.status is not None:
                raise Unreachable(deferral(broken.status), str(target)) from broken
            raise _unreachable(target, str(broken), dialogue.greeted) from broken
        except Exception:
            dialogue.abort()
            raise
        if refusal is None and dialogue.peer == self.hostname.lower():
            await dialogue.quit()
            raise LeadsBack(OURSELVES, str(target))
        if refusal is not None:
            await dialogue.quit()
            raise Unreachable(deferral(refusal), str(target))
        return dialogue

    async def _connect(self, target: Target) -> SMTPClient:
        client = SMTPClient(self._reactor)
        endpoint = self._endpoint(target)
        implicit = target.port == SUBMISSIONS
        if implicit:
            options = self._tls(target.name, target.tls is RouteTLS.REQUIRE)
            endpoint = wrapClientTLS(options, endpoint)
        try:
            await connect(endpoint, client, self._reactor, self.connect_timeout)
        except ConnectFailed as failed:
            raise _unreachable(target, str(failed)) from failed
        client.secure = implicit
        return client

    def _endpoint(self, target: Target) -> IStreamClientEndpoint:
        six = ":" in target.ip
        make = TCP6ClientEndpoint if six else TCP4ClientEndpoint
        own = (self.bind, 0) if self.bind and (":" in self.bind) is six else None
        return make(
            self._reactor, target.ip, target.port, timeout=self.connect_timeout, bindAddress=own
        )


class LeadsBack(Unreachable):
    """The host at the address calls itself by our own name."""


def deferral(refusal: Status) -> Status:
    """Return a temporary status for a refusal of our connection: only a refusal of a message may
    fail the message for good."""
    if refusal.temporary:
        return refusal
    text = f"The host does not want mail from us now: {refusal}"
    return Status(451, f"4{refusal.enhanced[1:]}", text, answer=refusal.answer)


def _unreachable(target: Target, cause: str, talked: bool = False) -> Unreachable:
    text = f"{target} cannot take mail now: {cause}"
    return Unreachable(Status(451, "4.4.1", " ".join(text.split())), str(target) if talked else "")
