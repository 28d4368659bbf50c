"""A client without malice, to see how long it waits: it keeps a connection, and opens new ones."""

from __future__ import annotations

import contextlib
import smtplib
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 60.0  # seconds
MESSAGE = "Subject: hi\r\n\r\nhi\r\n"


class NormalClient:
    """`slowest` is the seconds of the slowest step of all, `messages` how many were taken."""

    def __init__(self, port: int) -> None:
        self.slowest = 0.0
        self.messages = 0
        self._port = port
        self._kept = self._connect()
        self._kept.ehlo("normal.example")

    def send(self) -> None:
        """A message on the connection that is kept, and one on a new one, which may be refused
        where the host is full: that is an answer too."""
        self._send(self._kept)
        with contextlib.suppress(smtplib.SMTPConnectError):
            client = self._timed(self._connect)
            self._timed(lambda: client.ehlo("normal.example"))
            self._send(client)
            self._timed(client.quit)

    def close(self) -> None:
        """Leave."""
        self._kept.close()

    def _connect(self) -> smtplib.SMTP:
        return smtplib.SMTP("127.0.0.1", self._port, "normal", PATIENCE, ("127.0.0.9", 0))

    def _send(self, client: smtplib.SMTP) -> None:
        self._timed(lambda: client.sendmail("a@b.example", "ann@example.com", MESSAGE))
        self.messages += 1

    def _timed(self, step: Callable[[], T]) -> T:
        begun = time.monotonic()
        try:
            return step()
        finally:
            self.slowest = max(self.slowest, time.monotonic() - begun)
