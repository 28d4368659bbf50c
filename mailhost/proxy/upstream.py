"""One connection to the server behind the proxy: each command asked, its own words brought back.

What it says is told to the client as it said it; a reply that makes no sense becomes a 451. A
connection that breaks becomes a 421, or where a message may have been taken a 451: the client
keeps its mail either way.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager

from twisted.internet.defer import Deferred

from mailhost.config.model import Identity
from mailhost.interfaces.extensions import EVERYTHING, Extensions
from mailhost.message.client import Client
from mailhost.message.content import Content
from mailhost.message.envelope import Body, Envelope, ForwardPath
from mailhost.message.status import LOCAL_ERROR, Status
from mailhost.net.dot_stuffing import BareLineEnd
from mailhost.proxy.identity import name_of, xclient_commands, xforward_commands
from mailhost.smtp.client.dialogue import BARE_LINE_END, Dialogue
from mailhost.smtp.client.protocol import ConnectionBroken, FateUnknown
from mailhost.smtp.client.reply_reader import Reply
from mailhost.smtp.client.sending import announced_limit, mail_command, rcpt_command, size_limit

GONE = Status(421, "4.4.2", "The mail server behind this one went away; please try again later")
NO_RSET = GONE.because("it refused RSET")
NOT_TAKEN = Status(
    451,
    "4.4.2",
    "The mail server behind this one went away before it took the message; please send it again",
)
FATE_UNKNOWN = Status(
    451,
    "4.4.2",
    "The mail server behind this one went away and did not say whether it took the message; "
    "please send it again",
)


class Upstream:
    """`server` is its name in the log, `identity` how it is told who the client is."""

    def __init__(self, dialogue: Dialogue, server: str, identity: Identity) -> None:
        self.server = server
        self.logged_in = False
        self.clean = True  # nobody was refused anything: another client may have it
        self.messages = 0
        self._dialogue = dialogue
        self._identity = identity
        self._introduced = ""  # the attributes of XCLIENT that were said
        self._in_login = False
        self._open = False  # a transaction that no end of data has closed
        self._asking = 0
        self._ahead = 0  # RCPTs that were sent before anybody waits for their replies

    @property
    def alive(self) -> bool:
        """True while the connection is of use."""
        return self._dialogue.alive

    @property
    def mechanisms(self) -> Sequence[str]:
        """What it lets clients log in with, but for what is bound to this very connection."""
        offered = self._dialogue.offers.get("AUTH", "").upper().split()
        return [name for name in offered if not name.endswith("-PLUS") and name != "EXTERNAL"]

    def extensions(self, message_size: int, recipients: int) -> Extensions:
        """What a client may ask for: what both sides can do, within our own bounds."""
        offers = self._dialogue.offers
        offered = EVERYTHING.intersection(offers)
        if "CHUNKING" not in offers:
            offered -= {"BINARYMIME"}
        message_size = min(message_size, size_limit(offers) or message_size)
        recipients = min(recipients, announced_limit(offers, "RCPTMAX") or recipients)
        return Extensions(message_size, recipients, offered)

    async def introduce(self, client: Client) -> Status | None:
        """Say who the client is, as far as that is wanted once for a connection.

        A Status says what is wrong. Raises Broken.
        """
        if self._identity is not Identity.XCLIENT:
            return None
        offered = self._dialogue.offers.get("XCLIENT", "")
        if self._introduced not in ("", offered):  # it would keep what it heard of another client
            return GONE.because("it offers XCLIENT no more, or less of it")
        commands = xclient_commands(client, offered)
        self._introduced = offered if commands else ""
        for command in commands:
            reply = await self._dialogue.ask(command)
            if not reply.ok:
                return told(reply)
        # the name in this hello is the one that counts from here on
        return await self._dialogue.hello(name_of(client)) if commands else None

    # --- a transaction ---------------------------------------------------------------------------

    async def mail(self, client: Client, envelope: Envelope) -> Status:
        """MAIL."""
        offers = self._dialogue.offers
        await self._end_login()
        if not await self._forget():
            return NO_RSET
        if self._identity is Identity.XFORWARD:
            for command in xforward_commands(client, offers.get("XFORWARD", "")):
                await self._ask(command)
        command = mail_command(envelope, offers, envelope.size, envelope.smtputf8)
        status = await self._ask(command)
        self._open = status.ok
        return status

    async def _forget(self) -> bool:
        """End the transaction that no end of data has closed. False where the server will not, and
        the connection is closed."""
        if self._open and not (await self._ask(b"RSET")).ok:
            self.abort()
            return False
        self._open = False
        return True

    def recipients_ahead(self, paths: Sequence[ForwardPath]) -> None:
        """Send RCPT for all of these, where the server takes commands in a row (RFC 2920);
        `recipient` is going to be called for each."""
        offers = self._dialogue.offers
        if "PIPELINING" in offers and not self._ahead:
            self._dialogue.say(*(rcpt_command(path, offers) for path in paths))
            self._ahead = len(paths)
            self._asking += self._ahead

    async def recipient(self, path: ForwardPath) -> Status:
        """RCPT."""
        if not self._ahead:
            return await self._ask(rcpt_command(path, self._dialogue.offers))
        self._ahead -= 1
        self._asking -= 1  # `_answer` counts it
        return await self._answer(self._dialogue.reply())

    async def _ask(self, command: bytes) -> Status:
        return await self._answer(self._dialogue.ask(command))

    async def _answer(self, reply: Awaitable[Reply]) -> Status:
        self._asking += 1
        try:
            status = told(await reply)
        except ConnectionBroken as broken:
            return gone(broken)
        finally:
            self._asking -= 1
        self.clean &= status.ok
        return status

    async def content(self, envelope: Envelope, content: Content) -> Status:
        """The message, by BDAT where it is binary, else by DATA."""
        send = self._dialogue.chunk if envelope.body is Body.BINARY else self._dialogue.data
        self._asking += 1
        try:
            status = told(await send(content))
        except FateUnknown as unknown:
            return FATE_UNKNOWN.because(str(unknown))
        except ConnectionBroken as broken:
            return broken.status or NOT_TAKEN.because(str(broken))
        except BareLineEnd:
            return BARE_LINE_END
        except OSError as fault:
            self.abort()
            return LOCAL_ERROR.because(str(fault))
        finally:
            self._asking -= 1
        self._open = not status.ok
        self.clean &= status.ok
        self.messages += 1
        return status

    @property
    def reusable(self) -> bool:
        """True where another client's mail may go over this connection."""
        busy = self._asking or self._open or self._in_login or self.logged_in
        told_once = self._identity is Identity.HAPROXY
        return self.alive and self.clean and not (busy or told_once)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Until this ends, no other client gets the connection, and it is closed where the client
        goes: for a command that must wait for something else first."""
        self._asking += 1
        try:
            yield
        finally:
            self._asking -= 1

    def leave(self) -> None:
        """The client is gone, or wants another connection. What it asked last, or began, is given
        up: whoever looks into its message still must find the connection closed."""
        if self._asking or self._open:
            self.abort()
        elif self.alive:
            Deferred.fromCoroutine(self._dialogue.quit())

    def abort(self) -> None:
        """Close at once."""
        self._dialogue.abort()

    # --- a login ---------------------------------------------------------------------------------

    async def auth(self, mechanism: str, initial: bytes | None) -> Reply | Status:
        """AUTH; 334 asks for more. A Status says that the connection is gone."""
        await self._end_login()
        if not await self._forget():  # the client's RSET has not come that far
            return NO_RSET
        command = b"AUTH " + mechanism.encode()
        if initial is not None:
            command += b" " + (base64.b64encode(initial) or b"=")
        return await self._login_step(command)

    async def respond(self, response: bytes) -> Reply | Status:
        """The client's answer to a challenge."""
        return await self._login_step(base64.b64encode(response))

    async def _login_step(self, line: bytes) -> Reply | Status:
        self._asking += 1
        try:
            reply = await self._dialogue.ask(line)
        except ConnectionBroken as broken:
            return gone(broken)
        finally:
            self._asking -= 1
        self._in_login = reply.code == 334
        self.logged_in |= reply.ok
        self.clean &= reply.code < 400
        return reply

    async def _end_login(self) -> None:
        """Cancel a login that the client gave up half way (RFC 4954 §4)."""
        if self._in_login:
            self._in_login = False
            await self._ask(b"*")


def told(reply: Reply) -> Status:
    """Return a reply as it is passed on: its code, its enhanced code if it has one, its words."""
    status = reply.as_received()
    if reply.ok or reply.code >= 400:
        return status
    return Status(451, "4.5.0", f"The mail server behind this one answered nonsense: {status}")


def gone(broken: ConnectionBroken) -> Status:
    """Return what a client is told when the connection broke: its last words, or ours."""
    return broken.status or GONE.because(str(broken))
