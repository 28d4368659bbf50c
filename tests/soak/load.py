"""Clients that send one message after the other, and the ledger of what was promised to them.

As a client must (RFC 5321 §4.5.4.1), each sends again what got no answer: such a message may be
there twice, and SMTP cannot avoid it.
"""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BufferedRWPair
from random import Random

from tests.soak.crowd import Crowd
from tests.soak.message import make

MAILBOXES = ("ann@example.com", "bob@example.com")
FOREIGN = "far.example"
PATIENCE = 60.0
SIZES = (200, 200, 2_000, 2_000, 20_000, 20_000, 400_000)  # in memory, and above in a file


@dataclass(frozen=True, slots=True)
class Mail:
    """A message that a client wants to be rid of."""

    identity: str
    to: Sequence[str]
    size: int


@dataclass
class Ledger:
    """The fate of each message: where it was promised to be, that it is unknown, how often it was
    sent without an answer."""

    answered: dict[str, Sequence[str]] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    unanswered: Counter[str] = field(default_factory=Counter)
    refused: int = 0


class Load:
    """`clients` threads that send to `port` until they are stopped."""

    def __init__(self, port: int, clients: int, seed: int) -> None:
        self.ledger = Ledger()
        self._port = port
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._crowd = Crowd(
            (partial(self._send_all, Random(seed * 1000 + number)) for number in range(clients)),
            2 * PATIENCE,
        )
        self.start = self._crowd.start
        self.stop = self._crowd.stop

    def _send_all(self, random: Random) -> None:
        kept: list[Mail] = []  # what got no answer, one at most
        while not self._crowd.stopped.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self._port), PATIENCE) as client:
                    self._converse(client, random, kept)
            except OSError:
                time.sleep(0.05)  # the host is down for a moment

    def _converse(self, client: socket.socket, random: Random, kept: list[Mail]) -> None:
        wire = client.makefile("rwb")
        _expect(wire.readline(), b"220")
        wire.write(b"HELO client.example\r\n")
        wire.flush()
        _expect(wire.readline(), b"250")
        for _ in range(random.randrange(1, 20)):
            if self._crowd.stopped.is_set():
                return
            if not kept:
                kept.append(self._new(random))
            self._send(wire, kept[0])
            kept.clear()

    def _new(self, random: Random) -> Mail:
        with self._lock:
            identity = f"m{next(self._numbers)}"
        return Mail(identity, _recipients(random), random.choice(SIZES))

    def _send(self, wire: BufferedRWPair, mail: Mail) -> None:
        """Send it. Raises OSError where no answer came."""
        rcpts = [f"RCPT TO:<{each}>".encode() for each in mail.to]
        for line in (b"MAIL FROM:<>", *rcpts, b"DATA"):
            _ask(wire, line + b"\r\n")
        ledger = self.ledger
        with self._lock:
            ledger.unknown.add(mail.identity)
            ledger.unanswered[mail.identity] += 1
        reply = _say(wire, make(mail.identity, mail.size) + b".\r\n")
        if not reply:
            raise ConnectionError("no answer")
        with self._lock:
            ledger.unanswered[mail.identity] -= 1
            if reply.startswith(b"250"):
                ledger.unknown.discard(mail.identity)
                ledger.answered[mail.identity] = mail.to
            else:
                ledger.refused += 1


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
