"""A wire that keeps what a server's machine does to it, and stepping a machine without a pump."""

from __future__ import annotations

from collections.abc import Iterator

from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailhost.interfaces.wire import IMachine, IWire


@implementer(IWire)
class FakeWire:
    """`sent` is all that was written. `handshakes` counts start_tls, `wakes` counts
    wake; `compressed` and `hung_up` are for ever."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.handshakes = 0
        self.wakes = 0
        self.hung_up = False
        self.compressed = False

    def write(self, data: bytes) -> None:
        self.sent += data

    def wake(self) -> None:
        self.wakes += 1

    async def stream(self, chunks: Iterator[bytes]) -> None:
        for chunk in chunks:
            self.sent += chunk

    def start_tls(self) -> None:
        self.handshakes += 1

    def compress(self) -> None:
        self.compressed = True

    def hang_up(self) -> None:
        self.hung_up = True

    def take(self) -> bytes:
        """Return what was sent since the last time."""
        sent = bytes(self.sent)
        self.sent.clear()
        return sent


def drive(machine: IMachine, data: bytes = b"") -> Deferred[None]:
    """Give `data` to a machine and step it until it wants more. Fires then.

    While an answer is awaited, call nothing but `machine.receive`.
    """
    machine.receive(data)
    return Deferred.fromCoroutine(_steps(machine))


async def _steps(machine: IMachine) -> None:
    while True:
        answer = machine.step()
        if not (answer if isinstance(answer, bool) else await answer):
            return
