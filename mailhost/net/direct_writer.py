"""Writes to a socket at once. Through the reactor, a few octets cost a turn of its loop and two
calls of epoll.

Octets that the kernel does not take at once go through the transport, and so do all octets after
them until the transport has sent its own data. TLS always goes through the transport.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from socket import socket as Socket
from typing import Any

PIECE_SIZE = 65_536  # octets


class DirectWriter:
    """Writes to a connected transport."""

    __slots__ = ("_direct", "_socket", "_transport")

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        handle = getattr(transport, "getHandle", lambda: None)()
        self._socket = handle if isinstance(handle, Socket) else None
        self._direct = True  # the transport has nothing to send

    def write(self, data: bytes) -> None:
        """Send `data` now, or have the transport send it."""
        if self._socket is not None and self._direct:
            try:
                sent = self._socket.send(data)
            except OSError:  # the transport gets the same error and ends the connection
                sent = 0
            if sent == len(data):
                return
            data = data[sent:]
            self._direct = False
        self._transport.write(data)

    def drained(self) -> None:
        """The transport has sent all that it was given."""
        self._direct = True

    def stop(self) -> None:
        """Send everything through the transport from now on, as TLS begins."""
        self._socket = None


def send_at_once(transport: Any) -> None:
    """Have the kernel send short pieces at once too. By default it holds a piece back until the
    other side has confirmed the one before (Nagle's algorithm), and the other side waits for up to
    40 ms (Linux) or 200 ms (Windows) with that. A reply in two writes would take so long. Does
    nothing where the transport is no TCP connection."""
    switch = getattr(transport, "setTcpNoDelay", None)
    if switch is not None:
        with suppress(OSError):  # a unix socket, or the connection is gone already
            switch(True)


def gathered(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same octets in pieces of about PIECE_SIZE: each piece is a call of the kernel."""
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
