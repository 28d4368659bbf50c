"""The connection of a session (IWire), the session as a state machine (IMachine), and the factory
of both."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Iterator
from typing import Any

from twisted.internet.interfaces import IOpenSSLServerConnectionCreator, IProtocolFactory
from zope.interface import Attribute, Interface

from mailhost.interfaces.answer import Answer
from mailhost.message.client import TLSState


class IServerFactory(IProtocolFactory):
    """Serves the connections of one listening socket, with sessions on a pump, or with a server of
    another kind, such as HTTP."""

    tls: IOpenSSLServerConnectionCreator = Attribute("For listeners with implicit TLS.")
    open_count: int = Attribute("The number of open connections in this process.")

    def serve(maker: Any) -> None:
        """Serve new connections with the objects that `maker` makes: sessions on a pump, or for a
        server of another kind the protocols of its Twisted factory. Called before the first
        connection, and again at each reload."""

    def drain(seconds: float) -> Coroutine[Any, Any, None]:
        """Close each connection when its present command or transaction ends, and all others after
        `seconds`."""

    def retire() -> Coroutine[Any, Any, None]:
        """Wait until no connection is open, since the listener was removed and takes no more. A
        factory may close connections after some time, when no command or transaction is under
        way."""

    def ended() -> Coroutine[Any, Any, None]:
        """Wait until no connection is open."""


class IEndsWhenIdle(Interface):
    """A connection of a server that is no machine. Its factory calls `stopping` when the listener
    is removed and when the host stops."""

    def stopping() -> None:
        """Close the connection now, or if a request is under way, after its response."""


class IWire(Interface):
    """The operations of a machine on its connection. None of them raises because the client has
    disconnected."""

    def write(data: bytes) -> None:
        """Send octets, together with all others that are written before the machine waits.

        A machine may write only during calls of its own methods (`step` and the others); see
        `wake`.
        """

    def wake() -> None:
        """Have `step` called soon although no octets arrived, because the machine has output that
        no command asked for. The reactor's loop makes the call, after the present step has ended,
        and only when the client has read the earlier output. It does not count as activity of the
        client."""

    def stream(chunks: Iterator[bytes]) -> Awaitable[None]:
        """Send the chunks one by one, as fast as the client reads.

        Raises ConnectionLost, OSError.
        """

    def start_tls() -> None:
        """Send the octets written so far, then begin the TLS handshake. `IMachine.secured` is
        called after it."""

    def compress() -> None:
        """Send what was written, then compress all that follows by DEFLATE, in both directions
        (RFC 1951). Data of the peer reach the machine in small pieces, however far they expand;
        a peer whose data is malformed is disconnected."""

    def hang_up() -> None:
        """Send the octets written so far, then close the connection. `step` is not called after
        this."""


class IMachine(Interface):
    """A server session as a state machine without I/O: bytes in, replies out, step by step."""

    timeout: float = Attribute("Seconds of silence after which the connection ends now.")
    may_be_silent: bool = Attribute(
        "True while the protocol lets the client be silent, as in IDLE: its timeout is not "
        "shortened when nearly all connections of the host are in use."
    )

    def greet() -> Answer[None]:
        """The connection is established, with implicit TLS after the handshake."""

    def receive(data: bytes) -> None:
        """Append octets that arrived."""

    def step() -> Answer[bool]:
        """Run one command, or take one block of content, from the octets that arrived; or write
        output that no command asked for. Return False if there is nothing to do until more octets
        arrive or `IWire.wake` is called.

        While an awaitable answer is not ready, `step` is not called again and nothing is read.
        """

    def secured(tls: TLSState) -> None:
        """The TLS handshake after `start_tls` has ended.

        Input that arrived before the handshake must be discarded.
        """

    def timed_out() -> None:
        """The client was silent for too long: write the last reply. The connection is closed after
        it."""

    def failed() -> None:
        """A step raised an exception, which is a bug and is logged already. Write a reply about it.
        The connection is closed after it."""

    def stopping() -> None:
        """The host stops, or the session has been open for long enough since a reload: write the
        last reply and hang up as soon as no command or transaction is
        under way."""

    def lost(reason: str) -> None:
        """The connection has ended: free all resources. No method is called after this."""
