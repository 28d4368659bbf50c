"""Clients that send one message after the other, and the ledger of what was promised to them."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BufferedRWPair
from random import Random

from tests.soak.message import make

MAILBOXES = ("ann@example.com", "bob@example.com")
FOREIGN = "far.example"
PATIENCE = 60.0


@dataclass
class Ledger:
    """What became of each message: where it was promised to be, or that nobody knows."""

    answered: dict[str, Sequence[str]] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    refused: int = 0


class Load:
    """`clients` threads that send to `port` until they are stopped."""

    def __init__(self, port: int, clients: int, seed: int) -> None:
        self.ledger = Ledger()
        self._port = port
        self._numbers = itertools.count()
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._send_all, args=(Random(seed * 1000 + number),))
            for number in range(clients)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End when every message under way has its answer."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE)

    def _send_all(self, random: Random) -> None:
        while not self._stopped.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self._port), PATIENCE) as client:
                    self._converse(client, random)
            except OSError:
                time.sleep(0.05)  # the host is down for a moment

    def _converse(self, client: socket.socket, random: Random) -> None:
        wire = client.makefile("rwb")
        _expect(wire.readline(), b"220")
        wire.write(b"HELO client.example\r\n")
        wire.flush()
        _expect(wire.readline(), b"250")
        for _ in range(random.randrange(1, 20)):
            if self._stopped.is_set():
                return
            self._send_one(wire, random)

    def _send_one(self, wire: BufferedRWPair, random: Random) -> None:
        with self._lock:
            identity = f"m{next(self._numbers)}"
        to = _recipients(random)
        lines = [b"MAIL FROM:<>", *(f"RCPT TO:<{each}>".encode() for each in to), b"DATA"]
        for line in lines:
            _ask(wire, line + b"\r\n")
        with self._lock:
            self.ledger.unknown.add(identity)
        reply = _say(wire, make(identity, random.choice((200, 2_000, 20_000))) + b".\r\n")
        with self._lock:
            if reply.startswith(b"250"):
                self.ledger.unknown.discard(identity)
                self.ledger.answered[identity] = to
            elif reply:
                self.ledger.refused += 1


def _recipients(random: Random) -> tuple[str, ...]:
    foreign = f"x{random.randrange(1000)}@{FOREIGN}"
    return random.choice(((MAILBOXES[0],), MAILBOXES, (foreign,), (MAILBOXES[1], foreign)))


def _say(wire: BufferedRWPair, data: bytes) -> bytes:
    wire.write(data)
    wire.flush()
    return wire.readline()


def _ask(wire: BufferedRWPair, line: bytes) -> None:
    _expect(_say(wire, line), b"354" if line == b"DATA\r\n" else b"250")


def _expect(reply: bytes, code: bytes) -> None:
    if not reply.startswith(code):
        raise ConnectionError(f"{reply!r} instead of {code!r}")
