"""What an SMTP client says and in which order: greeting, TLS, login, then message after message.

Every recipient gets a status of its own (RFC 5321 §4.2, §4.5.4). A connection that breaks, or that
the host ends with a 421, raises Broken. Who has no status in the `Sending` then may be sent to
another host at once: where the host may have taken a message though its reply was lost, its
recipients have a deferral (RFC 5321 §4.5.4.1 has us send twice rather than never, but not now).

Content with a bare CR or LF is refused, unless it is BINARYMIME and goes by BDAT: another host
might see the end of the message, and a second one, where we see none.
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
from mailhost.smtp.client.protocol import Broken, FateUnknown, SMTPClient
from mailhost.smtp.client.reply_reader import Reply
from mailhost.smtp.client.sending import (
    Offers,
    Sending,
    limit,
    mail_command,
    needs_utf8,
    rcpt_command,
    refusal,
    takes_binary,
)
from mailhost.smtp.client.timeouts import Timeouts
from mailhost.smtp.server.body import BodyReader

MOST_RECIPIENTS = 100  # in one transaction: what every host must take, RFC 5321 §4.5.3.1.8
MOST_CHALLENGES = 10
BARE_LINE_END = Status(554, "5.6.0", "The message has a bare CR or LF and cannot be sent safely")
NO_LOGIN = Status(454, "4.7.0", "The next host offers no login that we can use safely")
_TOO_MANY = frozenset({"452 4.0.0", "452 4.5.3", "552 5.0.0", "552 5.5.3"})
UNKNOWN_FATE = Status(
    451, "4.4.2", "The connection broke before the host said whether it took the message"
)


class Dialogue:
    """One connection's talk. `hostname` is the name we give, `peer` the one that the host gave;
    `greeted` is true once it said anything at all."""

    def __init__(self, client: SMTPClient, hostname: str, timeouts: Timeouts) -> None:
        self._client = client
        self._hostname = hostname
        self._timeouts = timeouts
        self.peer = ""
        self.greeted = False
        self.offers: Offers = {}
        self.transactions = 0
        self._open = False  # a transaction that no end of data has closed

    @property
    def alive(self) -> bool:
        """True while the connection is of use."""
        return self._client.gone is None

    @property
    def reports(self) -> bool:
        """True where the next host takes over reporting (RFC 3461)."""
        return "DSN" in self.offers

    @property
    def most_transactions(self) -> int:
        """How many transactions the host wants over this connection at most (RFC 9422)."""
        return limit(self.offers, "MAILMAX") or sys.maxsize

    async def greet(self) -> Status | None:
        """Read the greeting and say EHLO. A Status says why the host will not have us."""
        greeting = await self._reply(self._timeouts.greeting)
        self.greeted = True
        return await self.hello() if greeting.ok else _refused(greeting)

    async def secure(self, options: IOpenSSLClientConnectionCreator) -> Status | None:
        """STARTTLS, and EHLO again (RFC 3207 §4.2). A Status refuses; Broken: it failed."""
        reply = await self.ask(b"STARTTLS")
        if not reply.ok:
            return _refused(reply)
        await self._client.start_tls(options, self._timeouts.command)
        return await self.hello()

    async def log_in(self, user: str, password: str) -> Status | None:
        """AUTH with the best mechanism offered (RFC 4954). A Status says why it failed."""
        offered = self.offers.get("AUTH", "").upper().split()
        exchange = choose(offered, user, password, self._client.secure)
        if exchange is None:
            return NO_LOGIN
        command, initial = b"AUTH " + exchange.name.encode(), exchange.initial()
        if initial is not None:
            command += b" " + (base64.b64encode(initial) or b"=")
        reply = await self.ask(command)
        for _ in range(MOST_CHALLENGES):
            if reply.code != 334:
                return None if reply.ok else _refused(reply)
            try:
                challenge = base64.b64decode(reply.lines[0], validate=True)
                response = exchange.respond(challenge)
            except (ValueError, BadChallenge) as error:
                self._client.abort()
                raise Broken(f"login: {error}") from error
            reply = await self.ask(base64.b64encode(response))
        self._client.abort()
        raise Broken("login: the host never stops asking")

    async def send(self, sending: Sending) -> None:
        """Send one message; every recipient has a status afterwards. Raises Broken."""
        if sending.binary and not takes_binary(self.offers):
            body = await self._body(sending.content)
            sending.envelope = replace(sending.envelope, body=body)
        unfit = refusal(sending, self.offers)
        if unfit is not None:
            sending.decide(unfit)
        most = min(MOST_RECIPIENTS, limit(self.offers, "RCPTMAX") or MOST_RECIPIENTS)
        while some := sending.undecided[:most]:
            if self._open:
                await self._forget_transaction()
            self._open = True
            self.transactions += 1
            if "PIPELINING" in self.offers:
                await self._pipelined(sending, some)
            else:
                await self._one_by_one(sending, some)

    async def _forget_transaction(self) -> None:
        reply = await self.ask(b"RSET")
        if not reply.ok:
            self._client.abort()
            raise Broken(f"the host refused RSET: {reply.status()}", _refused(reply))

    async def _body(self, content: Content) -> Body:
        """Return the kind of the content: it may be text that was declared as binary."""
        reader = BodyReader()
        for chunk in content.chunks():
            reader.feed(chunk)
            if reader.binary:
                break
            await self._client.next_turn()
        return reader.end()

    async def ask(self, *commands: bytes) -> Reply:
        """Send commands, without CRLF, at once, and return the reply to the first; `reply` has the
        others. Raises Broken."""
        self.say(*commands)
        return await self.reply()

    def say(self, *commands: bytes) -> None:
        """Send commands, without CRLF, at once; `reply` has the replies."""
        self._client.send(b"".join(command + b"\r\n" for command in commands), len(commands))

    async def reply(self) -> Reply:
        """The next reply to a command. Raises Broken."""
        return await self._reply(self._timeouts.command)

    async def data(self, content: Content) -> Reply:
        """DATA and the content. Raises Broken, BareLineEnd (the connection is closed then), and
        FateUnknown where the host may have taken the message."""
        self._client.send(b"DATA\r\n")
        reply = await self._reply(self._timeouts.data)
        if reply.code == 354:
            return await self._after_data(content)
        if reply.ok:  # it has no message; who believed it would lose one
            self._client.abort()
            raise Broken(f"the host took a message before it came: {reply.status()}")
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
        """The content as one chunk (BDAT, RFC 3030 §2). Raises Broken, FateUnknown."""
        self._client.send(f"BDAT {content.size} LAST\r\n".encode(), replies=0)
        whole = await self._client.stream(content.chunks(), self._timeouts.block)
        return await self._end(whole)

    async def _end(self, whole: bool) -> Reply:
        try:
            reply = await self._reply(self._timeouts.end)
        except Broken as broken:
            if broken.status is None:
                raise FateUnknown(str(broken)) from broken
            raise
        if not whole:  # the rest of the message would be taken for commands
            self._client.abort()
            if reply.ok:
                raise Broken("the host took a message before its end")
        self._open = False
        return reply

    async def quit(self) -> None:
        """Say goodbye and close, however the host takes it."""
        try:
            self._client.send(b"QUIT\r\n")
            await self._client.reply(self._timeouts.quit)
        except Broken:
            return
        self._client.close()

    def abort(self) -> None:
        """Close at once."""
        self._client.abort()

    # --- hello -----------------------------------------------------------------------------------

    async def hello(self, by: str = "") -> Status | None:
        """EHLO, `by` another name than ours where one is given. A Status says why the host will not
        have us. Raises Broken."""
        name = (by or self._hostname).encode("ascii")
        self.offers = {}
        reply = await self.ask(b"EHLO " + name)
        if reply.ok:
            self.offers = {
                word.upper(): rest.strip()
                for word, _, rest in (line.partition(" ") for line in reply.lines[1:])
            }
        elif 500 <= reply.code < 510:  # a host that knows no EHLO (RFC 5321 §3.2)
            reply = await self.ask(b"HELO " + name)
        self.peer = reply.lines[0].split(" ")[0].lower()
        return None if reply.ok else _refused(reply)

    async def _reply(self, seconds: float) -> Reply:
        reply = await self._client.reply(seconds)
        if reply.code == 421:
            self._client.abort()
            raise Broken(str(reply.status()), reply.refusal())
        return reply

    # --- a message -------------------------------------------------------------------------------

    async def _pipelined(self, sending: Sending, some: Sequence[ForwardPath]) -> None:
        """All commands at once, then all replies (RFC 2920)."""
        commands = [self._mail(sending)]
        commands += [rcpt_command(path, self.offers) for path in some]
        if not sending.binary:
            commands.append(b"DATA")
        self.say(*commands)
        command = self._timeouts.command
        mail = await self._reply(command)
        accepted = _Accepted(sending, mail)
        for path in some:
            accepted.judge(path, await self._reply(command))
        if sending.binary and accepted.paths:
            await self._settle(sending, accepted.paths, self.chunk(sending.content))
        elif not sending.binary:
            await self._content(sending, accepted.paths, await self._reply(self._timeouts.data))

    def _mail(self, sending: Sending) -> bytes:
        size, utf8 = sending.content.size, needs_utf8(sending)
        return mail_command(sending.envelope, self.offers, size, utf8)

    async def _one_by_one(self, sending: Sending, some: Sequence[ForwardPath]) -> None:
        accepted = _Accepted(sending, await self.ask(self._mail(sending)))
        if not accepted.open:
            return
        for path in some:
            accepted.judge(path, await self.ask(rcpt_command(path, self.offers)))
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
            # all were refused while DATA was under way: end it empty (RFC 2920 §3.1)
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
            sending.decide(explained(UNKNOWN_FATE, unknown), to)
            raise
        else:
            sending.decide(reply.status() if reply.ok else _refused(reply), to)


def explained(status: Status, broken: Broken) -> Status:
    """Return a status with the reason why the connection broke: the host hung up, or its answer was
    no SMTP reply, of which the beginning is quoted as octets."""
    reason = " ".join(str(broken).split())[:200]
    return replace(status, text=f"{status.text}: {reason}")


class _Accepted:
    """The recipients of one transaction that the host takes, `paths`, so far."""

    def __init__(self, sending: Sending, mail: Reply) -> None:
        self._sending = sending
        self.open = mail.ok
        self.paths: list[ForwardPath] = []
        if not mail.ok:  # what the host says of the sender is said to everybody
            sending.decide(_refused(mail))

    def judge(self, path: ForwardPath, reply: Reply) -> None:
        """Take the reply to a RCPT. One that is too many for this transaction goes in another."""
        if not self.open:
            return
        if reply.ok:
            self.paths.append(path)
        elif not (_too_many(reply) and self.paths):
            self._sending.decide(_refused(reply), [path])


def _too_many(reply: Reply) -> bool:
    """True for 452, or 552 as RFC 821 had it (RFC 5321 §4.5.3.1.10), with an enhanced code that
    means too many recipients, or with none."""
    return f"{reply.code} {reply.status().enhanced}" in _TOO_MANY


def _refused(reply: Reply) -> Status:
    """A reply that refuses; one that makes no sense there is tried again later."""
    status = reply.refusal()
    if status.code >= 400:
        return status
    text = f"The next host gave an answer without sense: {status}"
    return Status(451, "4.5.0", text, answer=status.answer)
