"""A far end that takes mail and notes it, and now and then dies in the middle.

Exceptions in its own threads are kept as `faults`: they are no findings about the host.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass
from io import BufferedRWPair
from random import Random

from tests.soak.message import entry_of, identity_of

POINTS = ("at DATA", "in the content", "before it is noted", "before its 250", "after its 250")


class _Dies(Exception):
    """The connection ends here."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A message that was taken. `entry` is its name in the host's queue; `began` is in monotonic
    seconds. `excused`: we did not say that it was taken, so it must be sent again."""

    identity: str
    entry: str
    began: float
    excused: bool


class FarEnd:
    """Listens on a loopback port. `deaths` is the share of messages that it dies of."""

    def __init__(self, seed: int, deaths: float = 0.0) -> None:
        self.deaths = deaths
        self.copies: list[Copy] = []
        self.broken = 0
        self.faults: list[str] = []
        self.died: Counter[str] = Counter()
        self._random = Random(seed)
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def taken(self) -> Counter[str]:
        """How many copies of each message."""
        return Counter(copy.identity for copy in self.copies)

    def stop(self) -> None:
        """Accept no more."""
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            self._talk(client)
        except Exception as bug:  # noqa: BLE001 - whoever runs us must hear of it
            self.faults.append(f"the scripted far end failed: {bug!r}")

    def _talk(self, client: socket.socket) -> None:
        # outermost, as closing sends what is left, to a host that was killed perhaps
        with contextlib.suppress(OSError, _Dies), client, client.makefile("rwb") as wire:
            client.settimeout(60)
            wire.write(b"220 far.example\r\n")
            wire.flush()
            while line := wire.readline():
                verb = line[:4].upper()
                if verb == b"DATA":
                    reply = self._take(wire)
                else:
                    reply = {
                        b"EHLO": b"250-far.example\r\n250 PIPELINING",
                        b"QUIT": b"221 bye",
                    }.get(verb, b"250 OK")
                wire.write(reply + b"\r\n")
                wire.flush()

    def _take(self, wire: BufferedRWPair) -> bytes:
        point = self._choose()
        began = time.monotonic()  # the host is alive: it sends the content after our 354
        self._at("at DATA", point)
        wire.write(b"354 go\r\n")
        wire.flush()
        lines: list[bytes] = []
        while (line := wire.readline()) != b".\r\n":
            if not line:
                raise _Dies
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            self._at("in the content", point)
        self._at("before it is noted", point)
        message = b"".join(lines)
        identity = identity_of(message)
        with self._lock:
            if identity is None:
                self.broken += 1
                return b"554 broken"
            excused = point in ("before its 250", "after its 250")
            self.copies.append(Copy(identity, entry_of(message), began, excused))
        self._at("before its 250", point)
        if point == "after its 250":
            wire.write(b"250 OK\r\n")
            wire.flush()
            self._at("after its 250", point)
        return b"250 OK"

    def _choose(self) -> str:
        with self._lock:
            dies = self._random.random() < self.deaths
            return self._random.choice(POINTS) if dies else ""

    def _at(self, here: str, point: str) -> None:
        if here == point:
            with self._lock:
                self.died[point] += 1
            raise _Dies
