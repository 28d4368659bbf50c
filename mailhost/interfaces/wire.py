"""The connection of a session, and the session as a machine that it drives."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator

from zope.interface import Attribute, Interface

from mailhost.interfaces.answer import Answer
from mailhost.message.client import TLSState


class IWire(Interface):
    """The operations of a machine on its connection. None raises because the peer is gone."""

    def write(data: bytes) -> None:
        """Send, together with all else that is written before the machine waits."""

    def stream(chunks: Iterator[bytes]) -> Awaitable[None]:
        """Send as fast as the peer takes it, chunk by chunk. Raises ConnectionLost, OSError."""

    def start_tls() -> None:
        """Send what was written, then shake hands. `IMachine.secured` is called afterwards."""

    def hang_up() -> None:
        """Send what was written, then close. No step is taken after it."""


class IMachine(Interface):
    """A server's side of a wire language without I/O: bytes in, replies out, one step at a time."""

    timeout: float = Attribute("Seconds of silence that are borne now.")

    def greet() -> Answer[None]:
        """The connection is there (with implicit TLS: the handshake is done)."""

    def receive(data: bytes) -> None:
        """Append what arrived."""

    def step() -> Answer[bool]:
        """Take one command or block from what arrived. False where more bytes are needed first.

        An awaitable answer: no step is taken and nothing is read until it is there.
        """

    def secured(tls: TLSState) -> None:
        """The handshake after `start_tls` is done. What came in the clear must be forgotten."""

    def timed_out() -> None:
        """The peer was silent too long: say farewell. The connection is closed then."""

    def failed() -> None:
        """A step raised: a bug, logged already. Say so; the connection is closed then."""

    def stopping() -> None:
        """The host stops: say farewell and hang up as soon as nothing is under way."""

    def lost(reason: str) -> None:
        """The connection is gone: free everything. Nothing is called after it."""
