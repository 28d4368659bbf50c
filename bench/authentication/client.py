"""Sends mail on kept connections, with or without a login, as fast as the host answers.

`python -m bench.authentication.client PORT MESSAGES SESSIONS FILE SENDER RECIPIENT [USER PASSWORD]`

FILE has the message. Each session sends the commands of a message together (RFC 2920).
"""

from __future__ import annotations

import base64
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.load import ADDRESS


class Session:
    """One connection. Raises OSError where the host refuses a command."""

    def __init__(self, port: int, login: bytes) -> None:
        self._wire = socket.create_connection((ADDRESS, port), 60)
        self._wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._replies = self._wire.makefile("rb")
        self._expect(b"220")
        self._ask(b"EHLO mx.bench-sender.net\r\n", b"250")
        if login:
            self._ask(b"AUTH PLAIN " + login + b"\r\n", b"235")

    def send(self, commands: bytes, content: bytes) -> None:
        """Send one message: MAIL, RCPT and DATA are in `commands`."""
        self._wire.sendall(commands)
        for code in (b"250", b"250", b"354"):
            self._expect(code)
        self._ask(content, b"250")

    def close(self) -> None:
        """Say QUIT, and close."""
        self._ask(b"QUIT\r\n", b"221")
        self._replies.close()
        self._wire.close()

    def _ask(self, octets: bytes, code: bytes) -> None:
        self._wire.sendall(octets)
        self._expect(code)

    def _expect(self, code: bytes) -> None:
        while (line := self._replies.readline())[3:4] == b"-":
            pass
        if not line.startswith(code):
            raise OSError(f"{line!r} in place of {code!r}")


def main() -> None:
    """Send all messages, and return when the last was answered."""
    port, messages, sessions = map(int, sys.argv[1:4])
    file, sender, recipient, *login = sys.argv[4:]
    content = Path(file).read_bytes() + b".\r\n"
    commands = f"MAIL FROM:<{sender}>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode()
    plain = base64.b64encode(f"\0{login[0]}\0{login[1]}".encode()) if login else b""

    def run(count: int) -> None:
        session = Session(port, plain)
        for _ in range(count):
            session.send(commands, content)
        session.close()

    share, rest = divmod(messages, sessions)
    with ThreadPoolExecutor(sessions) as pool:
        counts = [share + (number < rest) for number in range(sessions)]
        for done in [pool.submit(run, count) for count in counts]:
            done.result()


if __name__ == "__main__":
    main()
