"""A far end that takes mail and notes it, and now and then dies in the middle."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import Counter
from io import BufferedRWPair
from random import Random

from tests.soak.message import identity_of

POINTS = ("at DATA", "in the content", "before it is noted", "before its 250", "after its 250")


class _Dies(Exception):
    """The connection ends here."""


class FarEnd:
    """Listens on a loopback port. `deaths` is the share of messages that it dies of."""

    def __init__(self, seed: int, deaths: float = 0.0) -> None:
        self.deaths = deaths
        self.taken: Counter[str] = Counter()
        self.times: dict[str, list[float]] = {}  # monotonic seconds when each copy began
        self.broken = 0
        self.died: Counter[str] = Counter()
        self.excused: Counter[str] = Counter()  # taken, but we did not say so: to be sent again
        self._random = Random(seed)
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

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
        with client, client.makefile("rwb") as wire, contextlib.suppress(OSError, _Dies):
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
        identity = identity_of(b"".join(lines))
        with self._lock:
            if identity is None:
                self.broken += 1
                return b"554 broken"
            self.taken[identity] += 1
            self.times.setdefault(identity, []).append(began)
            if point in ("before its 250", "after its 250"):
                self.excused[identity] += 1
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
