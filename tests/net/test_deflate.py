"""Compressed connections: DEFLATE in both directions, and peers that abuse it."""

from __future__ import annotations

import zlib

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.events import Refused
from mailhost.net.deflate import LARGEST, BadDeflate, Deflate
from tests.net.pumping import CLOSED, PumpCase


class Peer:
    """The other side, with a window as large as there is."""

    def __init__(self) -> None:
        self._out = zlib.compressobj(9, zlib.DEFLATED, -15)
        self._in = zlib.decompressobj(-15)

    def deflated(self, data: bytes) -> bytes:
        return self._out.compress(data) + self._out.flush(zlib.Z_SYNC_FLUSH)

    def inflated(self, data: bytes) -> bytes:
        return self._in.decompress(data)


class DeflateTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=50)
    @given(st.lists(st.binary(max_size=300)), st.integers(1, 50), st.booleans())
    def test_both_directions_in_any_cut(self, texts: list[bytes], size: int, rests: bool) -> None:
        deflate, peer = Deflate(), Peer()
        for text in texts:
            self.assertEqual(text, peer.inflated(deflate.compressed(text)))
            if rests:
                deflate.rest()
            data, found = peer.deflated(text), b""
            for start in range(0, len(data), size):
                deflate.feed(data[start : start + size])
                while part := deflate.take():
                    found += part
            self.assertEqual(text, found)

    def test_a_bomb_comes_in_small_pieces(self) -> None:
        deflate = Deflate()
        deflate.feed(Peer().deflated(bytes(50_000_000)))
        sizes = []
        while part := deflate.take():
            sizes.append(len(part))
        self.assertEqual(50_000_000, sum(sizes))
        self.assertLessEqual(max(sizes), LARGEST)

    def test_malformed_data(self) -> None:
        for data in (b"\xff\xff", zlib.compress(b"with a header"), _ended(b"a")):
            deflate = Deflate()
            deflate.feed(data)
            with self.assertRaises(BadDeflate):
                while deflate.take():
                    pass


def _ended(data: bytes) -> bytes:
    out = zlib.compressobj(9, zlib.DEFLATED, -15)
    return out.compress(data) + out.flush()


class PumpTests(PumpCase):
    def setUp(self) -> None:
        super().setUp()
        self.transport.read()
        self.pump.dataReceived(b"compress\n")
        self.assertEqual(b"compressing\n", self.transport.read())
        self.peer = Peer()

    def say(self, data: bytes) -> bytes:
        """Send octets compressed; return what comes back."""
        self.pump.dataReceived(self.peer.deflated(data))
        self.context.clock.pump([0] * 50)
        return self.peer.inflated(self.transport.read())

    def test_lines(self) -> None:
        self.assertEqual(b"a\nb\n", self.say(b"a\nb\n"))
        self.assertEqual(b"", self.say(b"c"))
        self.assertEqual(b"c\n", self.say(b"\n"))

    def test_streams_and_waits(self) -> None:
        self.assertEqual(b"y" * 30_000 + b"streamed\n", self.say(b"stream 3\n"))
        self.assertEqual(b"", self.say(b"wait\na\n"))
        self.assertEqual(b"", self.say(b"b\n"))
        self.assertEqual("paused", self.transport.producerState)
        self.machine.waiting[0].callback(None)
        self.assertEqual(b"waited\na\nb\n", self.peer.inflated(self.transport.read()))
        self.assertEqual("producing", self.transport.producerState)

    def test_what_no_order_asked_for(self) -> None:
        self.machine.push(b"news")
        self.context.clock.advance(0)
        self.assertEqual(b"news\n", self.peer.inflated(self.transport.read()))

    def test_after_a_long_silence(self) -> None:
        self.assertEqual(b"a\n", self.say(b"a\n"))
        self.context.clock.pump([20] * 4)
        self.assertEqual(b"b\n", self.say(b"b\n"))

    def test_the_last_reply(self) -> None:
        self.assertEqual(b"bye\n", self.say(b"bye\n"))
        self.assertTrue(self.transport.closed)

    def test_a_bomb_is_held_in_small_pieces(self) -> None:
        self.pump.dataReceived(self.peer.deflated(b"fired\n" * 200_000))
        while len(self.machine.ran) < 1_000:
            self.context.clock.advance(0)
        self.assertLess(self.machine.largest, 2 * LARGEST)

    def test_a_client_that_does_not_read_gets_no_step(self) -> None:
        pump, transport = self.context.connect(room=1000)
        pump.dataReceived(b"compress\n")
        machine = self.context.machines[-1]
        pump.dataReceived(Peer().deflated(b"stream 50\n" + b"a\n" * 100))
        ran = len(machine.ran)
        pump.dataReceived(b"")
        self.context.clock.pump([0] * 50)
        self.assertLess(ran, 102)
        while transport.read():
            self.context.clock.pump([0] * 50)
        self.assertEqual(102, len(machine.ran))
        pump.connectionLost(CLOSED)

    def test_malformed_data_ends_the_connection(self) -> None:
        self.pump.dataReceived(b"\xff\xff\xff")
        self.assertTrue(self.transport.disconnecting or self.transport.disconnected)
        (event,) = [each for each in self.context.events.told if isinstance(each, Refused)]
        self.assertIn("compressed data", event.line)
