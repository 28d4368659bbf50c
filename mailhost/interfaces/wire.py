"""The connection of a session, the session as a machine that it drives, and what makes both."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Iterator
from typing import Any

from twisted.internet.interfaces import IOpenSSLServerConnectionCreator, IProtocolFactory
from zope.interface import Attribute, Interface

from mailhost.interfaces.answer import Answer
from mailhost.message.client import TLSState


class IServerFactory(IProtocolFactory):
    """Serves the connections of one listening socket: sessions on a pump, or a server of another
    kind, such as HTTP."""

    tls: IOpenSSLServerConnectionCreator = Attribute("For listeners with implicit TLS.")

    def serve(maker: Any) -> None:
        """Serve new connections with what `maker` makes: sessions on a pump, or for a server of
        another kind the protocols of its Twisted factory. Called before the first connection, and
        again at each reload."""

    def drain(seconds: float) -> Coroutine[Any, Any, None]:
        """Let what is under way end within `seconds`, then close every connection."""

    def ended() -> Coroutine[Any, Any, None]:
        """Wait until there is no connection."""


class IWire(Interface):
    """The operations of a machine on its connection. None raises because the peer is gone."""

    def write(data: bytes) -> None:
        """Send, together with all else that is written before the machine waits.

        A machine writes within its calls (`step` and the others) only; see `wake`.
        """

    def wake() -> None:
        """Have `step` called soon though nothing arrived, as there is output that no command asked
        for. It comes from the reactor's loop, after the step under way, and once a client that
        reads too slowly has read. The client counts as silent all the same.
        """

    def stream(chunks: Iterator[bytes]) -> Awaitable[None]:
        """Send as fast as the peer takes it, chunk by chunk. Raises ConnectionLost, OSError."""

    def start_tls() -> None:
        """Send what was written, then shake hands. `IMachine.secured` is called afterwards."""

    def hang_up() -> None:
        """Send what was written, then close. No step is taken after it."""


class IMachine(Interface):
    """A server session as a state machine without I/O: bytes in, replies out, step by step."""

    timeout: float = Attribute("Seconds of silence after which the connection ends now.")
    may_be_silent: bool = Attribute(
        "True while silence is what the protocol wants of the client, such as IDLE: its timeout is "
        "not shortened when the host has few places left."
    )

    def greet() -> Answer[None]:
        """The connection is there (with implicit TLS: the handshake is done)."""

    def receive(data: bytes) -> None:
        """Append what arrived."""

    def step() -> Answer[bool]:
        """Take one command or block from what arrived, or write what no command asked for. False
        if there is nothing to do until more bytes arrive or `IWire.wake` is called.

        An awaitable answer: no step is taken and nothing is read until it is there.
        """

    def secured(tls: TLSState) -> None:
        """The handshake after `start_tls` is done.

        Input that came in the clear must be forgotten.
        """

    def timed_out() -> None:
        """The peer was silent too long: say farewell. The connection is closed then."""

    def failed() -> None:
        """A step raised: a bug, logged already. Say so; the connection is closed then."""

    def stopping() -> None:
        """The host stops: say farewell and hang up as soon as nothing is under way."""

    def lost(reason: str) -> None:
        """The connection is gone: free everything. Nothing is called after it."""
