"""A connection to another SMTP server over TLS, where that can be had (RFC 3207)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from twisted.internet.interfaces import IOpenSSLClientConnectionCreator

from mailhost.message.status import Status
from mailhost.smtp.client.dialogue import Dialogue
from mailhost.smtp.client.protocol import Broken, SMTPClient

T = TypeVar("T")
NO_TLS = Status(451, "4.7.10", "TLS is required, and the server offers none")


class Unreachable(Exception):
    """No server takes our connection. `status` says why: a deferral, or the reply for the proxy's
    client; `by` is the host, where one spoke to us."""

    def __init__(self, status: Status, by: str = "") -> None:
        super().__init__(str(status))
        self.status = status
        self.by = by


class HandshakeFailed(Exception):
    """STARTTLS was accepted, and the handshake failed; `answer` is the host's reply, if any."""

    def __init__(self, text: str, answer: Status | None) -> None:
        super().__init__(text)
        self.answer = answer


async def open_over_tls(
    open_once: Callable[[bool], Awaitable[T]], *, wanted: bool, required: bool
) -> T:
    """Return what `open_once` opens; its argument is whether to use TLS. After a handshake that
    failed it is called again without TLS, unless that is required. Raises HandshakeFailed."""
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
    """Use STARTTLS if the server offers it; only then `options` is called.

    A Status refuses: there is no TLS though it is required, or the server refused EHLO over TLS.
    Raises HandshakeFailed.
    """
    if "STARTTLS" not in dialogue.offers:
        return NO_TLS if required else None
    try:
        refusal = await dialogue.secure(options())
    except Broken as broken:
        answer = broken.status.answer if broken.status else None
        raise HandshakeFailed(str(broken), answer) from broken
    return refusal if required or connection.secure else None
