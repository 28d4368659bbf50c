"""A host of two processes that all tests with IMAP clients share, and messages to put into it."""

from __future__ import annotations

import os
import signal
import smtplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.child_processes import children, is_writer
from tests.end_to_end.running import PATIENCE, RunningHost
from tests.end_to_end.shared import SharedHost

PASSWORD = "correct horse battery"
ACCOUNTS = tuple(f"user{number}@example.com" for number in range(60))
_FRESH = iter(ACCOUNTS)


def _message(number: int, subject: str, body: bytes) -> bytes:
    head = (
        "From: sue@elsewhere.example\r\nTo: ann@example.com\r\n"
        "Date: Sat, 1 Mar 2025 10:00:00 +0000\r\n"
        f"Message-ID: <{number}@elsewhere.example>\r\nSubject: {subject}\r\n\r\n"
    )
    return head.encode() + body


MESSAGES = (
    _message(1, "plain", b".dots\r\n..\r\n \t \r\n\r\n\r\n"),
    _message(2, "=?utf-8?q?K=C3=A4se?=", b"\xe4\xf6\xff\x80 (8 bits)\r\n"),
    _message(3, "long", b"x" * 20_000 + b"\r\n"),
    _message(4, "no end of line", b"the last"),
    _message(5, "large", b"0123456789abcdef\r\n" * 30_000),
)
"""Messages that must come out as they went in: the last is too large to be kept in memory."""


class ImapHost(SharedHost):
    """Two processes accept connections: the head, and a worker. Each test has its own account, with
    an empty inbox."""

    settings = """
workers = 2
[limits]
connections_per_client = 100
message_size = "5 MB"
[login]
plaintext_on_loopback = true
"""
    domains = ""
    protocols = ("smtp", "imap", "imaps", "pop3")

    def prepare(self, host: RunningHost) -> None:
        host.add_accounts(PASSWORD, *ACCOUNTS)

    def setUp(self) -> None:
        super().setUp()
        self.host.until(lambda: len(self.serving()) == 1, "the worker is missing")
        self.address = next(_FRESH)
        self.where = (self.host.address, self.host.ports["imap"])

    def serving(self) -> list[int]:
        """The workers that accept connections."""
        said = [line for line in self.host.lines if "serves too" in line]
        serving = {int(line.split("process ")[1].split()[0]) for line in said}
        return [pid for pid in children(self.host.pid) if pid in serving and not is_writer(pid)]

    @contextmanager
    def only_worker(self) -> Iterator[None]:
        """Meanwhile the worker alone accepts connections; it can log nobody in."""
        with _asleep(self.host.pid):
            yield

    @contextmanager
    def only_head(self) -> Iterator[None]:
        """Meanwhile the head alone accepts connections."""
        (worker,) = self.serving()
        with _asleep(worker):
            yield

    def deliver(self, *messages: bytes) -> None:
        """Send messages to the test's account by SMTP."""
        with smtplib.SMTP(self.host.address, self.host.ports["smtp"], timeout=PATIENCE) as client:
            for message in messages:
                client.sendmail("sue@elsewhere.example", [self.address], message)

    @property
    def maildir(self) -> Path:
        """The inbox of the test's account."""
        local, _, domain = self.address.partition("@")
        return self.host.data / "mail" / domain / local

    def put(self, message: bytes, name: str) -> None:
        """Put a file into the inbox as other programs do it."""
        path = self.maildir / "tmp" / name
        path.write_bytes(message)
        path.rename(self.maildir / "new" / name)

    def connected(self) -> socket.socket:
        """A connection whose greeting was not read yet."""
        client = socket.create_connection(self.where, PATIENCE)
        self.addCleanup(client.close)
        return client


@contextmanager
def _asleep(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
