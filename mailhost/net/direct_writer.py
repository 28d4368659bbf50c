"""Writing to a socket at once: the reactor would take a turn, and two calls to epoll, to send a few
octets.

What the kernel does not take at once goes through the transport, and so does all after it: a
transport with data of its own must not be overtaken. TLS always goes through the transport.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from socket import socket as Socket
from typing import Any

PIECE_SIZE = 65_536  # octets


class DirectWriter:
    """Writes to a connected transport."""

    __slots__ = ("_socket", "_transport")

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        handle = getattr(transport, "getHandle", lambda: None)()
        self._socket = handle if isinstance(handle, Socket) else None

    def write(self, data: bytes) -> None:
        """Send, or have sent."""
        if self._socket is not None:
            try:
                sent = self._socket.send(data)
            except OSError:  # the transport will find out what it means
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
            self._socket = None
        self._transport.write(data)

    def stop(self) -> None:
        """From now on all goes through the transport: TLS begins."""
        self._socket = None


def gathered(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same octets in pieces of about PIECE: a short one sent behind another would wait
    for the other side to have confirmed that (Nagle's algorithm)."""
    some: list[bytes] = []
    size = 0
    for chunk in chunks:
        if some and size + len(chunk) > PIECE_SIZE + 4096:
            yield b"".join(some)
            some, size = [], 0
        some.append(chunk)
        size += len(chunk)
    if some:
        yield b"".join(some)
