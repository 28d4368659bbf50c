"""A server behind the proxy that does as it is told: closes, keeps silent, answers anything."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping, Sequence

CLOSE = b""
GREETING, CONTENT, END = "greeting", "content", "."
USUAL: Mapping[str, bytes | None] = {
    GREETING: b"220 there.example ESMTP",
    "DATA": b"354 go on",
    "QUIT": b"221 bye",
    END: b"250 2.0.0 taken",
}


class FakeUpstream:
    """Listens until `stop`. `replies` are for verbs, GREETING, END (of the content) and
    CONTENT (once some of it came): CLOSE closes the connection, None is silence.

    `said` has all lines, `taken` all messages that were answered with a 2xx, as they came. Where
    `deaf` nothing is read behind a DATA.
    """

    def __init__(
        self,
        address: str,
        port: int,
        replies: Mapping[str, bytes | None] | None = None,
        offers: Sequence[str] = ("PIPELINING", "8BITMIME"),
        deaf: bool = False,
    ) -> None:
        self.port = port
        self.said: list[bytes] = []
        self.taken: list[bytes] = []
        self._replies = {**USUAL, **(replies or {})}
        self._deaf = deaf
        hello = [b"there.example", *(word.encode() for word in offers)]
        marks = [b"-"] * (len(hello) - 1) + [b" "]
        lines = [b"250" + mark + word for mark, word in zip(marks, hello, strict=True)]
        self._replies.setdefault("EHLO", b"\r\n".join(lines))
        self._connections: list[socket.socket] = []
        self._over = threading.Event()
        self._socket = socket.create_server((address, port))
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def stop(self) -> None:
        """Listen no more, and close all connections at once."""
        if not self._over.is_set():
            self._over.set()
            self._socket.shutdown(socket.SHUT_RDWR)
            self._accepting.join()
            self._socket.close()
            for connection in self._connections:
                with contextlib.suppress(OSError):  # some are closed already
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # that is how it ends
            while not self._over.is_set():
                connection, _ = self._socket.accept()
                self._connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as file, contextlib.suppress(OSError, _Closed):
            self._answer(connection, GREETING)
            while line := file.readline().rstrip(b"\r\n"):
                self.said.append(line)
                verb = line.split(b" ")[0].decode("ascii", "replace").upper()
                if self._answer(connection, verb).startswith(b"354"):
                    if self._deaf:
                        self._over.wait()
                        return
                    self._content(connection, file.readline)

    def _content(self, connection: socket.socket, readline: Callable[[], bytes]) -> None:
        content = bytearray()
        while (line := readline()) not in (b".\r\n", b""):
            content += line
            if CONTENT in self._replies and len(content) > 1000:
                self._answer(connection, CONTENT)
                self._over.wait()  # whatever else comes, it is not read
        if line:
            if (self._replies[END] or b"").startswith(b"2"):
                self.taken.append(bytes(content))
            self._answer(connection, END)

    def _answer(self, connection: socket.socket, what: str) -> bytes:
        reply = self._replies.get(what, b"250 2.1.0 fine")
        if reply == CLOSE:
            raise _Closed
        if reply is not None:
            connection.sendall(reply + b"\r\n")
        return reply or b""


class _Closed(Exception):
    """It was told to close the connection."""
