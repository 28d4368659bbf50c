"""Clients that send one message after the other, and note every answer and when it came."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from io import BufferedRWPair
from random import Random

from tests.soak.crowd import Crowd
from tests.soak.message import make

PATIENCE = 60.0  # seconds
SIZES = (200, 200, 20_000, 20_000, 400_000)  # in memory, and above its limit in a file


@dataclass(frozen=True, slots=True)
class Sent:
    """One message, or one recipient that was refused. Times are monotonic seconds, but `greeted`,
    which is how long the greeting took; `reply` is empty where the connection broke."""

    identity: str
    to: Sequence[str]
    begun: float
    ended: float
    greeted: float
    reply: str


class Senders:
    """`clients` threads. Each message goes to one of `choices`, and its identity begins with
    `name`."""

    def __init__(
        self, port: int, clients: int, choices: Sequence[Sequence[str]], name: str = "m"
    ) -> None:
        self._name = name
        self.sent: list[Sent] = []
        self._port = port
        self._choices = choices
        self._numbers = itertools.count()
        self._crowd = Crowd(
            (partial(self._work, Random(number)) for number in range(clients)), 2 * PATIENCE
        )
        self.start = self._crowd.start
        self.stop = self._crowd.stop

    def _work(self, random: Random) -> None:
        while not self._crowd.stopped.is_set():
            self._send(f"{self._name}{next(self._numbers)}", random.choice(self._choices), random)
            time.sleep(0.01)

    def _send(self, identity: str, to: Sequence[str], random: Random) -> None:
        message = make(identity, random.choice(SIZES))
        begun, greeted = time.monotonic(), 0.0
        try:
            with socket.create_connection(("127.0.0.1", self._port), PATIENCE) as client:
                wire = client.makefile("rwb")
                greeting = wire.readline()
                greeted = time.monotonic() - begun
                reply = _converse(wire, greeting, to, message)
        except OSError:
            reply = b""
        ended = time.monotonic()
        self.sent.append(Sent(identity, to, begun, ended, greeted, reply.decode().strip()))


def _converse(wire: BufferedRWPair, reply: bytes, to: Sequence[str], message: bytes) -> bytes:
    """Send a message after the greeting; return the reply that decided it."""
    commands = [b"HELO client.example", b"MAIL FROM:<sue@else.example>"]
    commands += [f"RCPT TO:<{each}>".encode() for each in to]
    for command in (*commands, b"DATA"):
        if reply[:1] != b"2":
            return reply
        reply = _say(wire, command + b"\r\n")
    return _say(wire, message + b".\r\n") if reply[:1] == b"3" else reply


def _say(wire: BufferedRWPair, data: bytes) -> bytes:
    wire.write(data)
    wire.flush()
    return wire.readline()
