"""What an SMTP client says and in which order: greeting, TLS, login, then message after message.

Every recipient gets a status of its own (RFC 5321 §4.2, §4.5.4). A connection that breaks raises
Broken; what was known by then stays in the `Sending`.

8-bit content is sent to hosts without 8BITMIME as it is: converting it would break signatures, and
hosts that cannot carry it are gone (RFC 6152 §3 would have us bounce it). BINARYMIME content is not
sent without CHUNKING and BINARYMIME, nor UTF-8 addresses without SMTPUTF8.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from twisted.internet.interfaces import IOpenSSLClientConnectionCreator

from mailhost.message.content import Content
from mailhost.message.envelope import Body, Envelope, ForwardPath
from mailhost.message.status import Status
from mailhost.net.dots import BareLineEnd, checked, stuffed
from mailhost.net.sasl.client import BadChallenge, choose
from mailhost.smtp.client import Broken, SMTPClient
from mailhost.smtp.reply_reader import Reply
from mailhost.smtp.timeouts import Timeouts

TOO_LARGE = Status(552, "5.3.4", "The message is larger than the next host takes")
NEEDS_SMTPUTF8 = Status(553, "5.6.7", "The next host takes no addresses outside ASCII")
NEEDS_BINARY = Status(554, "5.6.3", "The next host takes no binary messages")
BARE_LINE_END = Status(554, "5.6.0", "The message has a bare CR or LF and cannot be sent safely")
NO_LOGIN = Status(454, "4.7.0", "The next host offers no login that we can use safely")


@dataclass(slots=True)
class Sending:
    """One message for some recipients, and what is known of their fate so far."""

    envelope: Envelope
    content: Content
    recipients: Sequence[ForwardPath]
    statuses: dict[ForwardPath, Status] = field(default_factory=dict)
    begun: bool = False  # content is on its way: from now on the host may have the message

    @property
    def undecided(self) -> list[ForwardPath]:
        """Recipients without a status."""
        return [path for path in self.recipients if path not in self.statuses]

    def decide(self, status: Status) -> None:
        """Give `status` to all that have none."""
        for path in self.undecided:
            self.statuses[path] = status


class Dialogue:
    """One connection's talk. `hostname` is the name we give."""

    def __init__(self, client: SMTPClient, hostname: str, timeouts: Timeouts) -> None:
        self._client = client
        self._hostname = hostname
        self._timeouts = timeouts
        self.offers: Mapping[str, str] = {}
        self._used = False

    @property
    def alive(self) -> bool:
        """True while the connection is."""
        return self._client.gone is None

    @property
    def reports(self) -> bool:
        """True where the next host takes over reporting (RFC 3461)."""
        return "DSN" in self.offers

    async def greet(self) -> Status | None:
        """Read the greeting and say EHLO. A Status says why the host will not have us."""
        greeting = await self._client.reply(self._timeouts.greeting)
        return await self._hello() if greeting.ok else greeting.status()

    async def secure(self, options: IOpenSSLClientConnectionCreator) -> Status | None:
        """STARTTLS, and EHLO again (RFC 3207 §4.2). A Status refuses; Broken: it failed."""
        reply = await self._ask(b"STARTTLS")
        if not reply.ok:
            return reply.status()
        await self._client.start_tls(options, self._timeouts.command)
        return await self._hello()

    async def log_in(self, user: str, password: str) -> Status | None:
        """AUTH with the best mechanism offered (RFC 4954). A Status says why it failed."""
        offered = self.offers.get("AUTH", "").upper().split()
        exchange = choose(offered, user, password, self._client.secure)
        if exchange is None:
            return NO_LOGIN
        command, initial = b"AUTH " + exchange.name.encode(), exchange.initial()
        if initial is not None:
            command += b" " + (base64.b64encode(initial) or b"=")
        reply = await self._ask(command)
        while reply.code == 334:
            try:
                challenge = base64.b64decode(reply.lines[0], validate=True)
                response = exchange.respond(challenge)
            except (binascii.Error, BadChallenge) as error:
                raise Broken(f"login: {error}") from error
            reply = await self._ask(base64.b64encode(response))
        return None if reply.ok else reply.status()

    async def send(self, sending: Sending) -> None:
        """Send one message; every recipient has a status afterwards. Raises Broken."""
        refusal = self._refusal(sending)
        if refusal is not None:
            sending.decide(refusal)
            return
        if self._used and not (await self._ask(b"RSET")).ok:
            raise Broken("the host refused RSET")
        self._used = True
        if "PIPELINING" in self.offers:
            await self._pipelined(sending)
        else:
            await self._one_by_one(sending)

    async def quit(self) -> None:
        """Say goodbye and close, however the host takes it."""
        if self._client.gone is None:
            self._client.send(b"QUIT\r\n")
            try:
                await self._client.reply(self._timeouts.quit)
            except Broken:
                return
            self._client.close()

    def abort(self) -> None:
        """Close at once."""
        self._client.abort()

    # --- hello -----------------------------------------------------------------------------------

    async def _hello(self) -> Status | None:
        name = self._hostname.encode("ascii")
        reply = await self._ask(b"EHLO " + name)
        if reply.ok:
            self.offers = {
                word.upper(): rest.strip()
                for word, _, rest in (line.partition(" ") for line in reply.lines[1:])
            }
            return None
        self.offers = {}
        if 500 <= reply.code < 510:  # a host that knows no EHLO (RFC 5321 §3.2)
            reply = await self._ask(b"HELO " + name)
        return None if reply.ok else reply.status()

    async def _ask(self, command: bytes) -> Reply:
        self._client.send(command + b"\r\n")
        return await self._client.reply(self._timeouts.command)

    # --- a message -------------------------------------------------------------------------------

    def _refusal(self, sending: Sending) -> Status | None:
        """What this host cannot take."""
        size = self.offers.get("SIZE", "").split(" ")[0]
        if size.isdigit() and len(size) < 20 and 0 < int(size) < sending.content.size:
            return TOO_LARGE
        if self._needs_utf8(sending) and "SMTPUTF8" not in self.offers:
            return NEEDS_SMTPUTF8
        binary = sending.envelope.body is Body.BINARY
        if binary and not {"CHUNKING", "BINARYMIME"} <= self.offers.keys():
            return NEEDS_BINARY
        return None

    def _needs_utf8(self, sending: Sending) -> bool:
        """True for UTF-8 addresses; else UTF-8 in the header, where the sender asked for it."""
        addresses = [path.address for path in sending.recipients]
        if sending.envelope.reverse_path:
            addresses.append(sending.envelope.reverse_path)
        if not all(address.ascii for address in addresses):
            return True
        return sending.envelope.smtputf8 and not sending.content.header().isascii()

    async def _pipelined(self, sending: Sending) -> None:
        """All commands at once, then all replies (RFC 2920)."""
        binary = sending.envelope.body is Body.BINARY
        commands = [self._mail(sending), *map(self._rcpt, sending.recipients)]
        if not binary:
            commands.append(b"DATA")
        self._client.send(b"".join(command + b"\r\n" for command in commands))
        replies = [await self._client.reply(self._timeouts.command) for _ in commands]
        self._judge(sending, replies[0], replies[1 : len(sending.recipients) + 1])
        if binary:
            if sending.undecided:
                await self._chunk(sending)
            return
        await self._content(sending, replies[-1])

    async def _one_by_one(self, sending: Sending) -> None:
        mail = await self._ask(self._mail(sending))
        replies: list[Reply] = []
        if mail.ok:
            replies = [await self._ask(self._rcpt(path)) for path in sending.recipients]
        self._judge(sending, mail, replies)
        if not sending.undecided:
            return
        if sending.envelope.body is Body.BINARY:
            await self._chunk(sending)
        else:
            await self._content(sending, await self._ask(b"DATA"))

    def _judge(self, sending: Sending, mail: Reply, recipients: Sequence[Reply]) -> None:
        """MAIL's refusal is everybody's, RCPT's is its own."""
        if not mail.ok:
            sending.decide(_refused(mail))
            return
        for path, reply in zip(sending.recipients, recipients, strict=True):
            if not reply.ok:
                sending.statuses[path] = _refused(reply)

    async def _content(self, sending: Sending, data: Reply) -> None:
        if data.code != 354:
            sending.decide(_refused(data))
            return
        if not sending.undecided:
            # all were refused while DATA was under way: end it empty (RFC 2920 §3.1)
            self._client.send(b".\r\n")
            await self._client.reply(self._timeouts.end)
            return
        sending.begun = True
        try:
            chunks = stuffed(checked(sending.content.chunks()))
            await self._client.stream(chunks, self._timeouts.block)
        except BareLineEnd as error:
            sending.decide(BARE_LINE_END)
            self._client.abort()
            raise Broken("given up in the middle of a message") from error
        await self._ended(sending)

    async def _chunk(self, sending: Sending) -> None:
        sending.begun = True
        self._client.send(f"BDAT {sending.content.size} LAST\r\n".encode())
        await self._client.stream(sending.content.chunks(), self._timeouts.block)
        await self._ended(sending)

    async def _ended(self, sending: Sending) -> None:
        reply = await self._client.reply(self._timeouts.end)
        sending.decide(reply.status() if reply.ok else _refused(reply))

    # --- commands --------------------------------------------------------------------------------

    def _mail(self, sending: Sending) -> bytes:
        envelope = sending.envelope
        words = [f"MAIL FROM:<{envelope.reverse_path or ''}>"]
        if "SIZE" in self.offers:
            words.append(f"SIZE={sending.content.size}")
        if envelope.body is not Body.SEVEN_BIT and (
            "8BITMIME" in self.offers or envelope.body is Body.BINARY
        ):
            words.append(f"BODY={envelope.body}")
        if self._needs_utf8(sending):
            words.append("SMTPUTF8")
        if self.reports and envelope.returns:
            words.append(f"RET={envelope.returns}")
        if self.reports and envelope.envelope_id:
            words.append(f"ENVID={encode_xtext(envelope.envelope_id)}")
        return " ".join(words).encode()

    def _rcpt(self, path: ForwardPath) -> bytes:
        words = [f"RCPT TO:<{path.address}>", *(self._notify(path) if self.reports else ())]
        return " ".join(words).encode()

    def _notify(self, path: ForwardPath) -> Iterator[str]:
        if path.notify is not None:
            names = ",".join(str(flag.name) for flag in path.notify)
            yield f"NOTIFY={names or 'NEVER'}"
        if path.original:
            kind, _, address = path.original.partition(";")
            if kind != "utf-8":
                yield f"ORCPT={kind};{encode_xtext(address)}"
            else:
                yield f"ORCPT=utf-8;{encode_unitext(address)}"


def encode_xtext(text: str) -> str:
    """Return `text` as xtext (RFC 3461 §4)."""
    return "".join(
        chr(octet) if 0x21 <= octet <= 0x7E and octet not in b"+=" else f"+{octet:02X}"
        for octet in text.encode()
    )


def encode_unitext(text: str) -> str:
    """Return `text` as utf-8-addr-xtext (RFC 6533 §3), which needs no SMTPUTF8."""
    return re.sub(r"[^!-*,-<>-\[\]-~]", lambda match: f"\\x{{{ord(match[0]):X}}}", text)


def _refused(reply: Reply) -> Status:
    """A reply that refuses; one that makes no sense there is tried again later."""
    status = reply.status()
    if status.code >= 400:
        return status
    return Status(451, "4.5.0", f"The next host gave an answer without sense: {status}")
