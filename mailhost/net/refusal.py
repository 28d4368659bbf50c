"""A connection that is refused: it gets one reply, and is closed."""

from __future__ import annotations

from twisted.internet.protocol import Protocol


class Refusal(Protocol):
    """Sends a refusal and closes the connection."""

    def __init__(self, reply: bytes) -> None:
        self._reply = reply

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._reply)
        self.transport.loseConnection()
