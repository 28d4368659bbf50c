"""The commands of an SMTP client in their order: greeting, TLS, login, then message after message.

Every recipient gets a status of its own (RFC 5321 §4.2, §4.5.4). ConnectionBroken is raised when
the connection breaks or the host ends the connection with a 421. Recipients that have no status in
the `Sending` then may be sent to another host at once. If the host may have accepted a message
though its reply was lost, the recipients have a deferral: RFC 5321 §4.5.4.1 prefers a second copy
to none, but that copy is sent later.

Content with a bare CR or LF is refused, unless it is BINARYMIME and is sent by BDAT. Another host
might take these octets for the end of the message and the beginning of a second one.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Awaitable, Sequence
from dataclasses import replace

from twisted.internet.interfaces import IOpenSSLClientConnectionCreator

from mailhost.message.content import Content
from mailhost.message.envelope import Body, ForwardPath
from mailhost.message.status import Status
from mailhost.net.dot_stuffing import BareLineEnd, checked, stuffed
from mailhost.net.sasl.client import BadChallenge, choose
from mailhost.smtp.client.protocol import ConnectionBroken, FateUnknown, SMTPClient
from mailhost.smtp.client.reply_reader import Reply
from mailhost.smtp.client.sending import (
    Offers,
    Sending,
    announced_limit,
    mail_command,
    needs_utf8,
    rcpt_command,
    refusal_of_message,
    takes_binary,
)
from mailhost.smtp.client.timeouts import Timeouts
from mailhost.smtp.server.body import BodyReader

MOST_RECIPIENTS = 100  # in one transaction; every host must accept so many, RFC 5321 §4.5.3.1.8
MOST_LOGIN_CHALLENGES = 10
BARE_LINE_END = Status(554, "5.6.0", "The message has a bare CR or LF and cannot be sent safely")
NO_LOGIN = Status(454, "4.7.0", "The next host offers no login that we can use safely")
_TOO_MANY_RECIPIENTS = frozenset({"452 4.0.0", "452 4.5.3", "552 5.0.0", "552 5.5.3"})
UNKNOWN_FATE = Status(
    451, "4.4.2", "The connection broke before the host said whether it took the message"
)


class Dialogue:
    """The dialogue over one connection. `hostname` is our name in EHLO, `peer` the host's name in
    its reply to EHLO; `greeted` is True once the host sent a greeting.

    `offers` are the extensions in the reply to EHLO, without REQUIRETLS unless there is TLS (RFC
    8689 §2); `transactions` is the number of those begun.
    """

    def __init__(self, client: SMTPClient, hostname: str, timeouts: Timeouts) -> None:
        self._client = client
        self._hostname = hostname
        self._timeouts = timeouts
        self.peer = ""
        self.greeted = False
        self.offers: Offers = {}
        self.transactions = 0
        self._open = False  # True in a transaction that no reply to its content has ended

    @property
    def alive(self) -> bool:
        """True while the connection is usable."""
        return self._client.gone is None

    @property
    def reports(self) -> bool:
        """True if the host sends the delivery reports that the sender asked for (RFC 3461)."""
        return "DSN" in self.offers

    @property
    def most_transactions(self) -> int:
        """The number of transactions that the host accepts over this connection (RFC 9422)."""
        return announced_limit(self.offers, "MAILMAX") or sys.maxsize

    async def greet(self) -> Status | None:
        """Read the greeting and send EHLO. Return None, or the refusal of the host. Raises
        ConnectionBroken."""
        greeting = await self._reply(self._timeouts.greeting)
        self.greeted = True
        return await self.hello() if greeting.ok else _refused(greeting)

    async def secure(self, options: IOpenSSLClientConnectionCreator) -> Status | None:
        """Send STARTTLS, and EHLO again over TLS (RFC 3207 §4.2). Return None, or the refusal of
        the host. Raises ConnectionBroken, also if the handshake fails."""
        reply = await self.ask(b"STARTTLS")
        if not reply.ok:
            return _refused(reply)
        await self._client.start_tls(options, self._timeouts.command)
        return await self.hello()

    async def log_in(self, user: str, password: str, in_clear: bool = False) -> Status | None:
        """Log in with the best mechanism that the host offers (RFC 4954). Without TLS the password
        itself is sent only if `in_clear`. Return None, or the reason for the failure. Raises
        ConnectionBroken."""
        offered = self.offers.get("AUTH", "").upper().split()
        exchange = choose(offered, user, password, self._client.secure or in_clear)
        if exchange is None:
            return NO_LOGIN
        command, initial = b"AUTH " + exchange.name.encode(), exchange.initial()
        if initial is not None:
            command += b" " + (base64.b64encode(initial) or b"=")
        reply = await self.ask(command)
        for _ in range(MOST_LOGIN_CHALLENGES):
            if reply.code != 334:
                return None if reply.ok else _refused(reply)
            try:
                challenge = base64.b64decode(reply.lines[0], validate=True)
                response = exchange.respond(challenge)
            except (ValueError, BadChallenge) as error:
                self._client.abort()
                raise ConnectionBroken(f"login: {error}") from error
            reply = await self.ask(base64.b64encode(response))
        self._client.abort()
        raise ConnectionBroken(f"login: the host sent more than {MOST_LOGIN_CHALLENGES} challenges")

    async def send(self, sending: Sending) -> None:
        """Send one message. Every recipient has a status afterwards. Raises ConnectionBroken, and
        OSError if the content cannot be read."""
        if sending.binary and not takes_binary(self.offers):
            body = await self._body(sending.content)
            sending.envelope = replace(sending.envelope, body=body)
        refusal = refusal_of_message(sending, self.offers)
        if refusal is not None:
            sending.decide(refusal)
        most = min(MOST_RECIPIENTS, announced_limit(self.offers, "RCPTMAX") or MOST_RECIPIENTS)
        while batch := sending.undecided[:most]:
            if self._open:
                await self._reset()
            self._open = True
            self.transactions += 1
            if "PIPELINING" in self.offers:
                await self._pipelined(sending, batch)
            else:
                await self._one_by_one(sending, batch)

    async def _reset(self) -> None:
        reply = await self.ask(b"RSET")
        if not reply.ok:
            self._client.abort()
            raise ConnectionBroken(f"the host refused RSET: {reply.status()}", _refused(reply))

    async def _body(self, content: Content) -> Body:
        """Return the real kind of the content: it may be text that was declared as binary."""
        reader = BodyReader()
        for chunk in content.chunks():
            reader.feed(chunk)
            if reader.binary:
                break
            await self._client.next_turn()
        return reader.end()

    async def ask(self, *commands: bytes) -> Reply:
        """Send commands (without CRLF) in one write, and return the reply to the first of them.
        `reply` returns the other replies. Raises ConnectionBroken."""
        self.say(*commands)
        return await self.reply()

    def say(self, *commands: bytes) -> None:
        """Send commands (without CRLF) in one write. `reply` returns the replies."""
        self._client.send(b"".join(command + b"\r\n" for command in commands), len(commands))

    async def reply(self) -> Reply:
        """Return the next reply to a command. Raises ConnectionBroken."""
        return await self._reply(self._timeouts.command)

    async def data(self, content: Content) -> Reply:
        """Send DATA and the content; return the last reply.

        Raises ConnectionBroken, FateUnknown if the host may have accepted the message, and
        BareLineEnd; the connection is closed then.
        """
        self._client.send(b"DATA\r\n")
        reply = await self._reply(self._timeouts.data)
        if reply.code == 354:
            return await self._after_data(content)
        if reply.ok:  # the host has no message yet: with this reply the message would be lost
            self._client.abort()
            raise ConnectionBroken(f"the host accepted DATA without content: {reply.status()}")
        return reply

    async def _after_data(self, content: Content) -> Reply:
        try:
            chunks = stuffed(checked(content.chunks()))
            whole = await self._client.stream(chunks, self._timeouts.block)
        except BareLineEnd:
            self._client.abort()
            raise
        return await self._end(whole)

    async def chunk(self, content: Content) -> Reply:
        """Send the content as one chunk (BDAT, RFC 3030 §2) and return the reply. Raises
        ConnectionBroken, and FateUnknown if the host may have accepted the message."""
        self._client.send(f"BDAT {content.size} LAST\r\n".encode(), replies=0)
        whole = await self._client.stream(content.chunks(), self._timeouts.block)
        return await self._end(whole)

    async def _end(self, whole: bool) -> Reply:
        try:
            reply = await self._reply(self._timeouts.end)
        except ConnectionBroken as broken:
            if broken.status is None:
                raise FateUnknown(str(broken)) from broken
            raise
        if not whole:  # the host would take the rest of the message for commands
            self._client.abort()
            if reply.ok:
                raise ConnectionBroken("the host accepted a message before its end")
        self._open = False
        return reply

    async def quit(self) -> None:
        """Send QUIT and close the connection, whatever the host replies."""
        try:
            self._client.send(b"QUIT\r\n")
            await self._client.reply(self._timeouts.quit)
        except ConnectionBroken:
            return
        self._client.close()

    def abort(self) -> None:
        """Close the connection at once."""
        self._client.abort()

    # --- hello -----------------------------------------------------------------------------------

    async def hello(self, by: str = "") -> Status | None:
        """Send EHLO, with the name `by` instead of ours if it is not empty. Return None, or the
        refusal of the host. Raises ConnectionBroken."""
        name = (by or self._hostname).encode("ascii")
        self.offers = {}
        reply = await self.ask(b"EHLO " + name)
        if reply.ok:
            self.offers = {
                word.upper(): rest.strip()
                for word, _, rest in (line.partition(" ") for line in reply.lines[1:])
                if self._client.secure or word.upper() != "REQUIRETLS"
            }
        elif 500 <= reply.code < 510:  # a host without EHLO (RFC 5321 §3.2)
            reply = await self.ask(b"HELO " + name)
        self.peer = reply.lines[0].split(" ")[0].lower()
        return None if reply.ok else _refused(reply)

    async def _reply(self, seconds: float) -> Reply:
        reply = await self._client.reply(seconds)
        if reply.code == 421:
            self._client.abort()
            raise ConnectionBroken(str(reply.status()), reply.refusal())
        return reply

    # --- a message -------------------------------------------------------------------------------

    async def _pipelined(self, sending: Sending, batch: Sequence[ForwardPath]) -> None:
        """Send all commands in one write, then read all replies (RFC 2920)."""
        commands = [self._mail(sending)]
        commands += [rcpt_command(path, self.offers) for path in batch]
        if not sending.binary:
            commands.append(b"DATA")
        self.say(*commands)
        command = self._timeouts.command
        mail = await self._reply(command)
        accepted = _Accepted(sending, mail)
        for path in batch:
            accepted.add_reply(path, await self._reply(command))
        if sending.binary and accepted.paths:
            await self._settle(sending, accepted.paths, self.chunk(sending.content))
        elif not sending.binary:
            await self._content(sending, accepted.paths, await self._reply(self._timeouts.data))

    def _mail(self, sending: Sending) -> bytes:
        size, utf8 = sending.content.size, needs_utf8(sending)
        return mail_command(sending.envelope, self.offers, size, utf8)

    async def _one_by_one(self, sending: Sending, batch: Sequence[ForwardPath]) -> None:
        accepted = _Accepted(sending, await self.ask(self._mail(sending)))
        if not accepted.open:
            return
        for path in batch:
            accepted.add_reply(path, await self.ask(rcpt_command(path, self.offers)))
        if accepted.paths and sending.binary:
            await self._settle(sending, accepted.paths, self.chunk(sending.content))
        elif accepted.paths:
            self._client.send(b"DATA\r\n")
            await self._content(sending, accepted.paths, await self._reply(self._timeouts.data))

    async def _content(self, sending: Sending, to: Sequence[ForwardPath], data: Reply) -> None:
        if data.code != 354:
            sending.decide(_refused(data), to)
            return
        if not to:
            # all recipients were refused, but DATA was accepted: send no content (RFC 2920 §3.1)
            self._client.send(b".\r\n")
            await self._reply(self._timeouts.end)
            self._open = False
            return
        await self._settle(sending, to, self._after_data(sending.content))

    async def _settle(
        self, sending: Sending, to: Sequence[ForwardPath], ending: Awaitable[Reply]
    ) -> None:
        try:
            reply = await ending
        except BareLineEnd:
            sending.decide(BARE_LINE_END)
        except FateUnknown as unknown:
            sending.decide(with_reason(UNKNOWN_FATE, unknown), to)
            raise
        else:
            sending.decide(reply.status() if reply.ok else _refused(reply), to)


def with_reason(status: Status, broken: ConnectionBroken) -> Status:
    """Return `status` with the reason why the connection broke in its text, at most 200 characters.

    The reason may be that the host sent no SMTP reply; the beginning of that answer is quoted then.
    """
    reason = " ".join(str(broken).split())[:200]
    return replace(status, text=f"{status.text}: {reason}")


class _Accepted:
    """The recipients of one transaction that the host has accepted so far: `paths`. `open` is True
    if the host accepted MAIL."""

    def __init__(self, sending: Sending, mail: Reply) -> None:
        self._sending = sending
        self.open = mail.ok
        self.paths: list[ForwardPath] = []
        if not mail.ok:  # the refusal of the sender is the status of every recipient
            sending.decide(_refused(mail))

    def add_reply(self, path: ForwardPath, reply: Reply) -> None:
        """Take the reply to a RCPT. A recipient that is one too many for this transaction gets no
        status: another transaction will have it."""
        if not self.open:
            return
        if reply.ok:
            self.paths.append(path)
        elif not (_too_many_recipients(reply) and self.paths):
            self._sending.decide(_refused(reply), [path])


def _too_many_recipients(reply: Reply) -> bool:
    """Return True for a reply that means too many recipients: 452, or 552 as in RFC 821 (RFC 5321
    §4.5.3.1.10), with the enhanced code X.5.3 or none."""
    return f"{reply.code} {reply.status().enhanced}" in _TOO_MANY_RECIPIENTS


def _refused(reply: Reply) -> Status:
    """Return the status of a reply that is no success. A reply that is no refusal either is invalid
    here, and becomes a deferral."""
    status = reply.refusal()
    if status.code >= 400:
        return status
    text = f"The next host sent a reply that is invalid here: {status}"
    return Status(451, "4.5.0", text, answer=status.answer)
