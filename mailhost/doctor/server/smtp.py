"""The dialogue with an SMTP server: greeting, EHLO, TLS, login, and one recipient without a
message.

The commands are those of the relay (`smtp.client`), so a server answers them as it answers the
relay.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from mailhost.doctor.server.connecting import Broken, connect_to
from mailhost.doctor.server.dialogue import Asked, Means
from mailhost.doctor.server.record import Answer, Kind, Offered
from mailhost.doctor.server.recorder import Recorder
from mailhost.message.status import Status
from mailhost.smtp.client.dialogue import NO_LOGIN, Dialogue
from mailhost.smtp.client.protocol import ConnectionBroken, NoSMTP, SMTPClient, Stalled
from mailhost.smtp.client.timeouts import Timeouts


class RecordedClient(SMTPClient):
    """The SMTP client of the relay, with a recorder of all octets."""

    def __init__(self, means: Means, recorder: Recorder) -> None:
        super().__init__(means.clock)
        self._recorder = recorder

    def connectionMade(self) -> None:
        self._recorder.connected()
        super().connectionMade()

    def send(self, data: bytes, replies: int = 1) -> None:
        """See SMTPClient."""
        self._recorder.transcript.sent(data)
        super().send(data, replies)

    def dataReceived(self, data: bytes) -> None:
        self._recorder.began(data)
        self._recorder.transcript.received(data)
        super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._recorder.ended(reason)
        super().connectionLost(reason)


def _broken(broken: ConnectionBroken, recorder: Recorder) -> Broken:
    if broken.status is not None:
        return Broken(Kind.REPLY, _text_of(broken.status.answer or broken.status))
    if isinstance(broken, Stalled):
        return Broken(Kind.TIMED_OUT, str(broken))
    if isinstance(broken, NoSMTP):
        return Broken(Kind.STRANGE, str(broken))
    return recorder.broken_by(str(broken))


class SMTPDialogue:
    """See Talk."""

    def __init__(self, means: Means, recorder: Recorder) -> None:
        limits = means.limits
        self._timeouts = Timeouts(greeting=limits.greeting, command=limits.command)
        self._means = means
        self._recorder = recorder
        self._client = RecordedClient(means, recorder)

    async def connect(self) -> None:
        """See Talk."""
        seconds = self._means.limits.connect
        endpoint = self._means.open_endpoint(self._recorder.record.place, seconds)
        await connect_to(endpoint, self._client, self._means.clock, seconds)
        hostname = self._means.hostname or _literal(self._client)
        self._dialogue = Dialogue(self._client, hostname, self._timeouts)

    async def handshake(self) -> None:
        """See Talk."""
        handshake = self._means.tls.handshake(self._recorder.record.place.host)
        with self._breaks():
            await self._client.start_tls(handshake, self._means.limits.handshake)
        self._recorder.secured(handshake)

    async def greet(self) -> str:
        """See Talk."""
        with self._breaks():
            greeting = await self._client.reply(self._means.limits.greeting)
        text = _text_of(greeting.as_received())
        if not greeting.ok:
            raise Broken(Kind.REPLY, text)
        return text

    async def hello(self) -> Offered:
        """See Talk."""
        with self._breaks():
            refusal = await self._dialogue.hello()
        if refusal is not None:
            raise Broken(Kind.REPLY, _text_of(refusal.answer or refusal))
        offers = self._dialogue.offers
        lines = tuple(f"{name} {rest}".rstrip() for name, rest in offers.items())
        mechanisms = tuple(offers.get("AUTH", "").upper().split())
        return Offered(lines, "STARTTLS" in offers, mechanisms)

    async def start_tls(self) -> Answer:
        """See Talk."""
        return await self._ask("STARTTLS")

    async def log_in(self, offered: Offered, asked: Asked) -> Answer:
        """See Talk."""
        with self._breaks():
            refusal = await self._dialogue.log_in(asked.user, asked.password, in_clear=True)
        if refusal is None:
            return Answer(True, "")
        if refusal is NO_LOGIN:
            return Answer(False, "")
        text = _text_of(refusal.answer or refusal)
        return Answer(False, text, refusal.temporary, refusal.code)

    async def use(self, offered: Offered, asked: Asked) -> None:
        """Send MAIL and RCPT if there is a recipient, then RSET."""
        if not asked.recipient:
            return
        utf8 = not (asked.sender + asked.recipient).isascii()
        extra = " SMTPUTF8" if utf8 and "SMTPUTF8" in offered.lines else ""
        record = self._recorder.record
        record.sender = await self._ask(f"MAIL FROM:<{asked.sender}>{extra}")
        if record.sender.ok:
            record.recipient = await self._ask(f"RCPT TO:<{asked.recipient}>")
            await self._ask("RSET")

    async def quit(self) -> None:
        """See Talk."""
        await self._ask("QUIT")

    def abort(self) -> None:
        """See Talk."""
        if self._client.transport is not None:
            self._client.abort()

    async def _ask(self, command: str) -> Answer:
        with self._breaks():
            reply = await self._dialogue.ask(command.encode())
        text = _text_of(reply.as_received())
        return Answer(reply.ok, text, 400 <= reply.code < 500, reply.code)

    @contextmanager
    def _breaks(self) -> Iterator[None]:
        """Turn ConnectionBroken into Broken."""
        try:
            yield
        except ConnectionBroken as broken:
            raise _broken(broken, self._recorder) from broken


def _literal(client: RecordedClient) -> str:
    """Return the address of this machine as an address literal (RFC 5321 §4.1.3)."""
    assert client.transport is not None
    address = str(getattr(client.transport.getHost(), "host", "127.0.0.1")).partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _text_of(status: Status) -> str:
    return " ".join(str(status).split())
