"""One connection to the server behind the proxy: commands are sent, replies are returned.

The client gets each reply unchanged; an invalid reply becomes a 451. A lost connection becomes a
421, or a 451 if the server may have accepted the message: the client keeps its mail in both cases.
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
from mailhost.message.tls_demand import TLSDemand
from mailhost.net.dot_stuffing import BareLineEnd
from mailhost.proxy.identity import ehlo_name, xclient_commands, xforward_commands
from mailhost.smtp.client.dialogue import BARE_LINE_END, Dialogue
from mailhost.smtp.client.protocol import ConnectionBroken, FateUnknown
from mailhost.smtp.client.reply_reader import Reply
from mailhost.smtp.client.sending import announced_limit, mail_command, rcpt_command, size_limit

CONNECTION_LOST = Status(
    421, "4.4.2", "The mail server behind this one went away; please try again later"
)
RSET_REFUSED = CONNECTION_LOST.because("it refused RSET")
NOT_ACCEPTED = Status(
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
NO_REQUIRETLS = Status(
    451, "4.7.30", "The mail server behind this one does not support REQUIRETLS now"
)


class Upstream:
    """A connection to `server` (its name in the log). `identity` is how clients are introduced.

    With `verified`, the connection has TLS and the certificate of the server was verified. `clean`
    is True while the server has refused nothing, `messages` is the number of messages sent.
    """

    def __init__(
        self, dialogue: Dialogue, server: str, identity: Identity, verified: bool = False
    ) -> None:
        self.server = server
        self._verified = verified
        self.logged_in = False
        self.clean = True  # only then another client may use the connection
        self.messages = 0
        self._dialogue = dialogue
        self._identity = identity
        self._introduced = ""  # the attributes of XCLIENT that were sent
        self._in_login = False
        self._open = False  # True in a transaction that no reply to its content has ended
        self._pending = 0  # replies that are awaited
        self._ahead = 0  # RCPTs that were sent ahead, and for which `recipient` was not called yet

    @property
    def alive(self) -> bool:
        """True while the connection is usable."""
        return self._dialogue.alive

    @property
    def mechanisms(self) -> Sequence[str]:
        """The SASL mechanisms that the server offers, except those that are bound to the TLS
        connection between the proxy and the server."""
        offered = self._dialogue.offers.get("AUTH", "").upper().split()
        return [name for name in offered if not name.endswith("-PLUS") and name != "EXTERNAL"]

    def extensions(self, message_size: int, recipients: int) -> Extensions:
        """Return the extensions that the server and the proxy support. The limits are the smaller
        ones of the server's and of `message_size` (in octets) and `recipients`. REQUIRETLS needs
        a verified certificate of the server (RFC 8689 §4.2.1)."""
        offers = self._dialogue.offers
        offered = EVERYTHING.intersection(offers)
        if "CHUNKING" not in offers:
            offered -= {"BINARYMIME"}
        if not self._verified:
            offered -= {"REQUIRETLS"}
        message_size = min(message_size, size_limit(offers) or message_size)
        recipients = min(recipients, announced_limit(offers, "RCPTMAX") or recipients)
        return Extensions(message_size, recipients, offered)

    async def introduce(self, client: Client) -> Status | None:
        """Introduce the client by XCLIENT, if that is the way of this listener.

        Returns None, or the reason why the connection cannot serve this client. Raises
        ConnectionBroken.
        """
        if self._identity is not Identity.XCLIENT:
            return None
        offered = self._dialogue.offers.get("XCLIENT", "")
        if self._introduced not in ("", offered):  # attributes of another client would remain
            return CONNECTION_LOST.because(
                "it no longer offers XCLIENT, or not all of its attributes"
            )
        commands = xclient_commands(client, offered)
        self._introduced = offered if commands else ""
        for command in commands:
            reply = await self._dialogue.ask(command)
            if not reply.ok:
                return status_for_client(reply)
        # the name in this EHLO replaces ours
        return await self._dialogue.hello(ehlo_name(client)) if commands else None

    # --- a transaction ---------------------------------------------------------------------------

    async def mail(self, client: Client, envelope: Envelope) -> Status:
        """Send MAIL, and return the server's reply."""
        offers = self._dialogue.offers
        demanded = envelope.tls is TLSDemand.REQUIRED
        if demanded and not (self._verified and "REQUIRETLS" in offers):
            return NO_REQUIRETLS  # another server may have answered EHLO
        await self._end_login()
        if not await self._reset():
            return RSET_REFUSED
        if self._identity is Identity.XFORWARD:
            for command in xforward_commands(client, offers.get("XFORWARD", "")):
                await self._ask(command)
        command = mail_command(envelope, offers, envelope.size, envelope.smtputf8)
        status = await self._ask(command)
        self._open = status.ok
        return status

    async def _reset(self) -> bool:
        """End an open transaction by RSET. Return False if the server refuses that; the connection
        is closed then."""
        if self._open and not (await self._ask(b"RSET")).ok:
            self.abort()
            return False
        self._open = False
        return True

    def recipients_ahead(self, paths: Sequence[ForwardPath]) -> None:
        """Send RCPT for all of `paths` if the server supports PIPELINING (RFC 2920). `recipient`
        must be called for each of them, in that order."""
        offers = self._dialogue.offers
        if "PIPELINING" in offers and not self._ahead:
            self._dialogue.say(*(rcpt_command(path, offers) for path in paths))
            self._ahead = len(paths)
            self._pending += self._ahead

    async def recipient(self, path: ForwardPath) -> Status:
        """Send RCPT, unless that was done ahead, and return the server's reply."""
        if not self._ahead:
            return await self._ask(rcpt_command(path, self._dialogue.offers))
        self._ahead -= 1
        self._pending -= 1  # `_answer` counts it
        return await self._answer(self._dialogue.reply())

    async def _ask(self, command: bytes) -> Status:
        return await self._answer(self._dialogue.ask(command))

    async def _answer(self, reply: Awaitable[Reply]) -> Status:
        self._pending += 1
        try:
            status = status_for_client(await reply)
        except ConnectionBroken as broken:
            return status_of_loss(broken)
        finally:
            self._pending -= 1
        self.clean &= status.ok
        return status

    async def content(self, envelope: Envelope, content: Content) -> Status:
        """Send the content, by BDAT if it is binary, else by DATA. Return the server's reply."""
        send = self._dialogue.chunk if envelope.body is Body.BINARY else self._dialogue.data
        self._pending += 1
        try:
            status = status_for_client(await send(content))
        except FateUnknown as unknown:
            return FATE_UNKNOWN.because(str(unknown))
        except ConnectionBroken as broken:
            return broken.status or NOT_ACCEPTED.because(str(broken))
        except BareLineEnd:
            return BARE_LINE_END
        except OSError as fault:
            self.abort()
            return LOCAL_ERROR.because(str(fault))
        finally:
            self._pending -= 1
        self._open = not status.ok
        self.clean &= status.ok
        self.messages += 1
        return status

    @property
    def reusable(self) -> bool:
        """True if the connection may serve another client."""
        busy = self._pending or self._open or self._in_login or self.logged_in
        bound_to_client = self._identity is Identity.HAPROXY
        return self.alive and self.clean and not (busy or bound_to_client)

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Keep the connection for this client while it waits for something else. If the client
        leaves meanwhile, the connection is closed."""
        self._pending += 1
        try:
            yield
        finally:
            self._pending -= 1

    def leave(self) -> None:
        """End the connection: by QUIT, or at once if a reply is awaited or a transaction is open.
        A filter may still examine the message, and must not send it over a reused connection."""
        if self._pending or self._open:
            self.abort()
        elif self.alive:
            Deferred.fromCoroutine(self._dialogue.quit())

    def abort(self) -> None:
        """Close the connection at once."""
        self._dialogue.abort()

    # --- a login ---------------------------------------------------------------------------------

    async def auth(self, mechanism: str, initial: bytes | None) -> Reply | Status:
        """Send AUTH, and return the server's reply, of which 334 is a challenge. A Status is
        returned if the connection was lost."""
        await self._end_login()
        if not await self._reset():  # the client's RSET was not passed on yet
            return RSET_REFUSED
        command = b"AUTH " + mechanism.encode()
        if initial is not None:
            command += b" " + (base64.b64encode(initial) or b"=")
        return await self._login_step(command)

    async def respond(self, response: bytes) -> Reply | Status:
        """Send the client's response to a challenge, and return as `auth` does."""
        return await self._login_step(base64.b64encode(response))

    async def _login_step(self, line: bytes) -> Reply | Status:
        self._pending += 1
        try:
            reply = await self._dialogue.ask(line)
        except ConnectionBroken as broken:
            return status_of_loss(broken)
        finally:
            self._pending -= 1
        self._in_login = reply.code == 334
        self.logged_in |= reply.ok
        self.clean &= reply.code < 400
        return reply

    async def _end_login(self) -> None:
        """Cancel a login that the client has not completed (RFC 4954 §4)."""
        if self._in_login:
            self._in_login = False
            await self._ask(b"*")


def status_for_client(reply: Reply) -> Status:
    """Return the server's reply for the client, unchanged unless it is invalid."""
    status = reply.as_received()
    if reply.ok or reply.code >= 400:
        return status
    return Status(451, "4.5.0", f"The mail server behind this one sent an invalid reply: {status}")


def status_of_loss(broken: ConnectionBroken) -> Status:
    """Return the reply to the client after the connection broke: the server's 421, or ours."""
    return broken.status or CONNECTION_LOST.because(str(broken))
