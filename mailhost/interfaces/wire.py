"""The connection of a session, and the session as a machine that it drives."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator

from zope.interface import Attribute, Interface

from mailhost.interfaces.answer import Answer
from mailhost.message.client import TLSState

CROWDED_TIMEOUT = 20.0  # seconds; the usual `IMachine.crowded_timeout`


class IWire(Interface):
    """The operations of a machine on its connection. None raises because the peer is gone."""

    def write(data: bytes) -> None:
        """Send, together with all else that is written before the machine waits.

        A machine writes within its calls (`step` and the others) only: see `wake`.
        """

    def wake() -> None:
        """Have `step` called soon, though nothing arrived: there is output that no command asked
        for. The call comes from the reactor's loop, and waits for the step under way and for a
        client that reads too slowly. The client counts as silent all the same.
        """

    def stream(chunks: Iterator[bytes]) -> Awaitable[None]:
        """Send as fast as the peer takes it, chunk by chunk. Raises ConnectionLost, OSError."""

    def start_tls() -> None:
        """Send what was written, then shake hands. `IMachine.secured` is called afterwards."""

    def hang_up() -> None:
        """Send what was written, then close. No step is taken after it."""


class IMachine(Interface):
    """A server's side of a wire language without I/O: bytes in, replies out, one step at a time."""

    timeout: float = Attribute("Seconds of silence that are borne now.")
    crowded_timeout: float = Attribute(
        "As `timeout`, while few places are left. A client that costs little and is expected to be "
        "silent (one that logged in, in IMAP's IDLE) need not have less; others have "
        "CROWDED_TIMEOUT. At most `timeout` counts."
    )

    def greet() -> Answer[None]:
        """The connection is there (with implicit TLS: the handshake is done)."""

    def receive(data: bytes) -> None:
        """Append what arrived."""

    def step() -> Answer[bool]:
        """Take one command or block from what arrived, or write what no command asked for. False
        where there is nothing to do until more bytes arrive or `IWire.wake` is called.

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
