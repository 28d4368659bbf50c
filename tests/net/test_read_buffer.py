"""Lines and octets from what came, however it came."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.net.read_buffer import BAD_LINE_BEGINNING, BadLine, ReadBuffer


def read_lines(blocks: list[bytes], limit: int) -> list[bytes | str]:
    """Every line, or what was wrong with it."""
    buffer = ReadBuffer()
    found: list[bytes | str] = []
    for block in blocks:
        buffer.append(block)
        while True:
            try:
                line = buffer.take_line(limit)
            except BadLine as bad:
                found.append(bad.status.text[:12])
                continue
            if line is None:
                break
            found.append(line)
    return found


class BufferTests(SynchronousTestCase):
    def test_a_bad_line_tells_how_it_began(self) -> None:
        line = b"BDAT " + b"5" * 300 + b"\r\n"
        for size in (1, 3, 100, len(line)):
            buffer = ReadBuffer()
            for start in range(0, len(line) - 1, size):
                buffer.append(line[start : min(start + size, len(line) - 1)])
                self.assertIsNone(buffer.take_line(200))
            buffer.append(b"\n")
            bad = self.assertRaises(BadLine, buffer.take_line, 200)
            self.assertEqual(bad.beginning, line[:BAD_LINE_BEGINNING])

    def test_lines(self) -> None:
        self.assertEqual(read_lines([b"a\r\n\r\nb\r\nc"], 10), [b"a", b"", b"b"])

    def test_bad_lines(self) -> None:
        for line in (b"\n", b"a\n", b"a\rb\r\n", b"a\r\r\n", b"\0\r\n", b"\r\r\n"):
            self.assertEqual(read_lines([line + b"ok\r\n"], 10), ["End every li", b"ok"], line)

    def test_lf_alone_may_end_a_line(self) -> None:
        buffer = ReadBuffer(bare_lf=True)
        buffer.append(b"a\nb\r\n\n\0\rc\r\n" + b"x" * 11 + b"\n")
        lines = [buffer.take_line(10) for _ in range(4)]
        self.assertEqual(lines, [b"a", b"b", b"", b"\0\rc"])
        self.assertRaises(BadLine, buffer.take_line, 10)

    def test_long_lines(self) -> None:
        self.assertEqual(read_lines([b"x" * 9 + b"\r\n"], 10), [b"x" * 9])
        self.assertEqual(read_lines([b"x" * 10 + b"\r\nok\r\n"], 10), ["The line is ", b"ok"])

    def test_long_lines_are_not_kept(self) -> None:
        buffer = ReadBuffer()
        for _ in range(100):
            buffer.append(b"x" * 1000)
            self.assertIsNone(buffer.take_line(10))
            self.assertEqual(len(buffer), 0)

    def test_octets(self) -> None:
        buffer = ReadBuffer()
        buffer.append(b"line\r\noctets")
        self.assertEqual(buffer.take_line(10), b"line")
        self.assertEqual(buffer.take(3), b"oct")
        buffer.append(b"!\r\n")
        self.assertEqual((buffer.take(3), len(buffer)), (b"ets", 3))
        self.assertEqual(buffer.take_line(10), b"!")
        self.assertEqual((buffer.take(9), len(buffer)), (b"", 0))

    def test_many_lines_at_once_cost_no_more_than_one_by_one(self) -> None:
        self.assertEqual(len(read_lines([b"NOOP\r\n" * 200_000], 100)), 200_000)

    @settings(deadline=None)
    @given(st.lists(st.text("\r\na", max_size=6).map(str.encode)))
    def test_any_cut_gives_the_same(self, blocks: list[bytes]) -> None:
        self.assertEqual(read_lines(blocks, 5), read_lines([b"".join(blocks)], 5))
