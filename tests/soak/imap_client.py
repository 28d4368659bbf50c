"""A small IMAP client for tests: a command, and all that is answered until its tagged reply."""

from __future__ import annotations

import re
import socket

PATIENCE = 60.0  # seconds
PASSWORD = "a long enough password"
_LITERAL = re.compile(rb"~?\{(\d+)\}\r\n\Z")


class ConnectionBroken(ConnectionError):
    """The server closed the connection; there is no tagged reply."""


class ImapClient:
    """A connection that is logged in as `user`. `small_window` has the kernel take little of what
    the client does not read."""

    def __init__(self, port: int, user: str, small_window: bool = False) -> None:
        self._socket = socket.socket()
        if small_window:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.settimeout(PATIENCE)
        self._count = 0
        try:
            self._socket.connect(("127.0.0.1", port))
            self._file = self._socket.makefile("rb")
            self.line()
            self.ok(f'LOGIN {user} "{PASSWORD}"')
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send octets."""
        self._socket.sendall(data)

    def line(self) -> bytes:
        """Return a line with its literals. Raises OSError where there is none."""
        whole = b""
        while True:
            line = self._file.readline()
            if not line.endswith(b"\n"):
                raise ConnectionBroken
            whole += line
            literal = _LITERAL.search(line)
            if literal is None:
                return whole
            whole += self._file.read(int(literal[1]))

    def begin(self, command: str | bytes) -> bytes:
        """Send a command and return its tag."""
        self._count += 1
        tag = b"a%d" % self._count
        text = command.encode() if isinstance(command, str) else command
        self.send(tag + b" " + text + b"\r\n")
        return tag

    def until(self, tag: bytes) -> list[bytes]:
        """Return all lines up to a tagged reply."""
        lines = [self.line()]
        while not lines[-1].startswith(tag + b" "):
            lines.append(self.line())
        return lines

    def ask(self, command: str | bytes) -> list[bytes]:
        """Return what a command is answered; the last line is the tagged reply. Raises OSError
        where the connection breaks."""
        return self.until(self.begin(command))

    def ok(self, command: str | bytes) -> list[bytes]:
        """As `ask`. Raises AssertionError where the answer is not OK."""
        lines = self.ask(command)
        if lines[-1].split()[1] != b"OK":
            raise AssertionError(f"{command[:100]!r} was answered {lines[-1][:200]!r}")
        return lines

    def append(self, folder: str, message: bytes, flags: str = "()") -> list[bytes]:
        """APPEND."""
        return self.ask(f"APPEND {folder} {flags} {{{len(message)}+}}\r\n".encode() + message)
