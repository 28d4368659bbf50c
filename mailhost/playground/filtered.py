"""A TCP port that drops packets, as a firewall does: connections time out.

The backlog of the listening socket is full, so Linux drops the packets of further connections.
"""

from __future__ import annotations

import socket

_QUEUE = 1  # the shortest queue that all systems know
_FILLING = 8  # connections that fill the queue for certain


class FilteredPort:
    """Listens until `stop`."""

    def __init__(self, address: str, port: int) -> None:
        self._sockets = [socket.socket()]
        listening = self._sockets[0]
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
        listening.listen(_QUEUE)
        for _ in range(_FILLING):
            filling = socket.socket()
            filling.setblocking(False)
            filling.connect_ex((address, port))
            self._sockets.append(filling)

    def stop(self) -> None:
        """Close the port."""
        sockets, self._sockets = self._sockets, []
        for each in reversed(sockets):
            each.close()
