"""Writing past the transport: order is kept, and nothing is lost, whatever the kernel takes."""

from __future__ import annotations

import socket
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from mailhost.net.direct_writer import PIECE_SIZE, DirectWriter, gathered


class SocketTransport(StringTransport):
    """A transport over a socket of the test's."""

    def __init__(self, handle: object) -> None:
        super().__init__()
        self._handle = handle

    def getHandle(self) -> Any:
        return self._handle


class DirectWriterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.here, self.there = socket.socketpair()
        for end in (self.here, self.there):
            end.setblocking(False)
            self.addCleanup(end.close)
        self.transport = SocketTransport(self.here)
        self.writer = DirectWriter(self.transport)

    def received(self) -> bytes:
        octets = b""
        while True:
            try:
                octets += self.there.recv(1 << 20)
            except BlockingIOError:
                return octets

    def test_the_kernel_gets_it_at_once(self) -> None:
        self.writer.write(b"250 OK\r\n")
        self.assertEqual(b"250 OK\r\n", self.received())
        self.assertEqual(b"", self.transport.value())

    def test_the_rest_goes_through_the_transport_and_so_does_all_after_it(self) -> None:
        sent = [bytes([number]) * 1_000_000 for number in range(3)]
        for octets in sent:
            self.writer.write(octets)
        first = self.received()
        self.assertTrue(0 < len(first) < 3_000_000)
        self.writer.write(b"last")
        self.assertEqual(b"".join(sent) + b"last", first + self.transport.value())

    def test_the_kernel_gets_it_at_once_again_when_the_transport_has_sent_its_own(self) -> None:
        self.writer.write(b"x" * 3_000_000)
        self.received()
        self.transport.clear()
        self.writer.drained()
        self.writer.write(b"250 OK\r\n")
        self.assertEqual((b"250 OK\r\n", b""), (self.received(), self.transport.value()))

    def test_what_goes_wrong_is_for_the_transport_to_find_out(self) -> None:
        self.there.close()
        self.writer.write(b"hello")
        self.assertEqual(b"hello", self.transport.value())

    def test_tls_goes_through_the_transport(self) -> None:
        self.writer.stop()
        self.writer.write(b"hello")
        self.assertEqual((b"", b"hello"), (self.received(), self.transport.value()))
        other = SocketTransport(object())
        DirectWriter(other).write(b"hello")
        self.assertEqual(b"hello", other.value())


class GatheredTests(SynchronousTestCase):
    @given(st.lists(st.integers(0, 3 * PIECE_SIZE), max_size=8))
    def test_octets_stay_and_short_pieces_go_together(self, sizes: list[int]) -> None:
        chunks = [bytes([number]) * size for number, size in enumerate(sizes)]
        pieces = list(gathered(chunks))
        self.assertEqual(b"".join(chunks), b"".join(pieces))
        for one, other in pairwise(pieces):
            self.assertTrue(len(one) + len(other) > PIECE_SIZE)
