"""STARTTLS for connections to other SMTP servers: used if offered, or required (RFC 3207)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from twisted.internet.interfaces import IOpenSSLClientConnectionCreator

from mailhost.message.status import Status
from mailhost.smtp.client.dialogue import Dialogue
from mailhost.smtp.client.protocol import ConnectionBroken, SMTPClient

T = TypeVar("T")
NO_TLS = Status(451, "4.7.10", "TLS is required, and the server offers none")


class Unreachable(Exception):
    """No server accepts a connection. `status` has the reason: a deferral, or on a proxy the reply
    for its client. `by` is the name of the server that refused, if one did."""

    def __init__(self, status: Status, by: str = "") -> None:
        super().__init__(str(status))
        self.status = status
        self.by = by


class HandshakeFailed(Exception):
    """The server accepted STARTTLS, and the handshake failed. `answer` is a reply that the server
    sent instead, None if there was none."""

    def __init__(self, text: str, answer: Status | None) -> None:
        super().__init__(text)
        self.answer = answer


async def open_over_tls(
    open_once: Callable[[bool], Awaitable[T]], *, wanted: bool, required: bool
) -> T:
    """Return the connection that `open_once` opens. Its argument is True if TLS is to be used.

    `open_once(False)` is called after a failed handshake, unless TLS is `required`. Raises
    HandshakeFailed, and whatever `open_once` raises.
    """
    try:
        return await open_once(wanted)
    except HandshakeFailed:
        if required:
            raise
    return await open_once(False)


async def start_tls(
    connection: SMTPClient,
    dialogue: Dialogue,
    options: Callable[[], IOpenSSLClientConnectionCreator],
    required: bool,
) -> Status | None:
    """Use STARTTLS if the server offers it. `options` is called only then.

    Returns None if the connection may be used, otherwise the reason why not: there is no TLS though
    it is `required`, or the server refused EHLO over TLS. Raises HandshakeFailed.
    """
    if "STARTTLS" not in dialogue.offers:
        return NO_TLS if required else None
    try:
        refusal = await dialogue.secure(options())
    except ConnectionBroken as broken:
        answer = broken.status.answer if broken.status else None
        raise HandshakeFailed(str(broken), answer) from broken
    return refusal if required or connection.secure else None
