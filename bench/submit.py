"""Submissions as mail programs make them: a connection, STARTTLS, a login and a message each time.

`python -m bench.submit PORT MESSAGES SESSIONS`
"""

from __future__ import annotations

import base64
import socket
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor

from bench.load import ADDRESS, DOMAIN, PASSWORD

USER = f"user@{DOMAIN}"
LOGIN = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode())
MESSAGE = f"From: {USER}\r\nSubject: submitted\r\n\r\n".encode() + b"x" * 70 * 50 + b"\r\n.\r\n"


def submit(port: int, context: ssl.SSLContext) -> None:
    """Send one message. Raises OSError where any step is refused."""
    with socket.create_connection((ADDRESS, port), 60) as plain:
        _read(plain, b"220")
        _ask(plain, b"EHLO bench.example", b"250")
        _ask(plain, b"STARTTLS", b"220")
        with context.wrap_socket(plain) as secure:
            _ask(secure, b"EHLO bench.example", b"250")
            _ask(secure, b"AUTH PLAIN " + LOGIN, b"235")
            _ask(secure, f"MAIL FROM:<{USER}>".encode(), b"250")
            _ask(secure, f"RCPT TO:<{USER}>".encode(), b"250")
            _ask(secure, b"DATA", b"354")
            _ask(secure, MESSAGE[:-2], b"250")
            secure.sendall(b"QUIT\r\n")


def _ask(wire: socket.socket, line: bytes, code: bytes) -> None:
    wire.sendall(line + b"\r\n")
    _read(wire, code)


def _read(wire: socket.socket, code: bytes) -> None:
    reply = b""
    while not reply.endswith(b"\n") or reply.splitlines()[-1][3:4] == b"-":
        some = wire.recv(4096)
        if not some:
            raise OSError(f"hung up after {reply!r}")
        reply += some
    if not reply.startswith(code):
        raise OSError(f"{reply!r} instead of {code!r}")


def main() -> None:
    """Send them all."""
    port, messages, sessions = map(int, sys.argv[1:])
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with ThreadPoolExecutor(sessions) as pool:
        for done in [pool.submit(submit, port, context) for _ in range(messages)]:
            done.result()


if __name__ == "__main__":
    main()
