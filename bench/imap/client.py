"""A client that costs little: it sends octets, and reads until the tagged reply."""

from __future__ import annotations

import re
import socket
import ssl

from bench.load import ADDRESS, PASSWORD

BLOCK = 1 << 20


class Refused(RuntimeError):
    """The reply to a command was not OK."""


class Client:
    """A session of `user`, logged in. With `tls` the connection has TLS from the first octet.
    `messages` are in the inbox that `select` has selected."""

    messages = 0

    def __init__(self, port: int, user: str, tls: bool = False) -> None:
        self._socket = socket.create_connection((ADDRESS, port), 120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self._socket = context.wrap_socket(self._socket)
        self._count = 0
        self._read_until(b"* OK ")
        self.ask(f"LOGIN {user} {PASSWORD}")

    def ask(self, command: str, octets: bytes | None = None) -> bytes:
        """Return the whole reply to a command; `octets` is a literal at its end. Raises Refused."""
        self._count += 1
        tag = b"\r\nq%d " % self._count
        line = tag[2:] + command.encode()
        if octets is not None:
            line += b" {%d+}\r\n%b" % (len(octets), octets)
        self._socket.sendall(line + b"\r\n")
        return self._reply(tag)

    def _reply(self, tag: bytes) -> bytes:
        """Read until a last line that begins with the tag."""
        blocks = [b"\r\n"]
        while True:
            block = self._socket.recv(BLOCK)
            if not block:
                raise ConnectionError("the host hung up")
            blocks.append(block)
            if block.endswith(b"\n"):
                tail = blocks[-1] if len(block) > 1000 else b"".join(blocks[-3:])
                last = tail.rfind(b"\n", 0, -1) - 1
                if tail[max(last, 0) :].startswith(tag):
                    break
        if b" OK" not in tail[last : last + 80]:
            raise Refused(tail[last:].decode("latin-1"))
        return b"".join(blocks)

    def select(self) -> None:
        """SELECT INBOX."""
        match = re.search(rb"\* (\d+) EXISTS", self.ask("SELECT INBOX"))
        assert match
        self.messages = int(match[1])

    def send(self, line: bytes) -> None:
        """Send a line."""
        self._socket.sendall(line + b"\r\n")

    def _read_until(self, text: bytes) -> bytes:
        found = b""
        while text not in found:
            block = self._socket.recv(65_536)
            if not block:
                raise ConnectionError("the host hung up")
            found += block
        return found

    def begin_idle(self) -> None:
        """IDLE, up to the host's answer."""
        self.send(b"idle IDLE")
        self._read_until(b"+ ")

    def end_idle(self) -> None:
        """DONE, and its reply."""
        self.send(b"DONE")
        self._read_until(b"idle OK")

    def fileno(self) -> int:
        """Of its socket."""
        return self._socket.fileno()

    def read(self) -> bytes:
        """The messages that are there."""
        return self._socket.recv(65_536)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()
