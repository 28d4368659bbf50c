"""A server behind a listening socket, whatever protocol it speaks."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.interfaces import IOpenSSLServerConnectionCreator, IProtocolFactory
from zope.interface import Attribute


class IServer(IProtocolFactory):
    """Takes the connections of one listening socket, within the limits of connections.

    `net/pump` has the one for the protocols that are machines, `net/foreign_server` the one for
    Twisted's own factories.
    """

    tls: IOpenSSLServerConnectionCreator = Attribute("For a handshake before the protocol begins.")

    def serve(sessions: Any) -> None:
        """Serve new connections by `sessions`; of which type is the server's own affair. To be
        called before the first connection, and again for each generation of the settings."""

    def drain(seconds: float) -> Coroutine[Any, Any, None]:
        """Let what is under way end within `seconds`, then close every connection."""

    def ended() -> Coroutine[Any, Any, None]:
        """Wait until there is no connection. Closes none."""
