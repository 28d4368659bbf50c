"""The end of DATA and dot-unstuffing at every block border."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.smtp.server.dot_unstuffing import DotReader


def read(blocks: list[bytes]) -> tuple[bytes, bytes, DotReader]:
    """Return the content, the octets behind it, and the reader."""
    reader = DotReader()
    content, rest = b"", b""
    for block in blocks:
        if reader.ended:
            rest += block
            continue
        more, after = reader.read(block)
        content += more
        rest += after
    return content, rest, reader


def lines(text: bytes) -> list[bytes]:
    return [text[at : at + 1] for at in range(len(text))]


class DotTests(SynchronousTestCase):
    def test_content(self) -> None:
        for wire, content in (
            (b".\r\n", b""),
            (b"\r\n.\r\n", b"\r\n"),
            (b"a\r\n.\r\n", b"a\r\n"),
            (b"..\r\n.\r\n", b".\r\n"),
            (b".a\r\n.\r\n", b"a\r\n"),
            (b"a\r\n..\r\n...\r\n.\r\n", b"a\r\n.\r\n..\r\n"),
            (b"a.\r\nb.c\r\n.\r\n", b"a.\r\nb.c\r\n"),
            (b"\r\n\r\n..\r\n\r\n.\r\n", b"\r\n\r\n.\r\n\r\n"),
        ):
            for blocks in ([wire], lines(wire)):
                found, rest, reader = read([*blocks, b"NOOP\r\n"])
                self.assertEqual((found, rest), (content, b"NOOP\r\n"), wire)
                self.assertTrue(reader.ended)
                self.assertFalse(reader.ends.bare or reader.ends.nul)

    def test_every_cut_in_two(self) -> None:
        wire = b".\r\n..\r\n.x\r\n.\r"
        stuffed = b"." + wire.replace(b"\r\n.", b"\r\n..") + b"\n.\r\nQUIT\r\n"
        for cut in range(len(stuffed)):
            found, rest, reader = read([stuffed[:cut], stuffed[cut:]])
            self.assertEqual((found, rest), (wire + b"\n", b"QUIT\r\n"), cut)
            self.assertFalse(reader.ends.bare)

    def test_borders_at_16_kib(self) -> None:
        """twisted.mail loses dots there."""
        for size in (16384, 65536):
            for shift in range(-6, 7):
                text = b"x" * (size + shift) + b"\r\n.dot\r\n"
                wire = text.replace(b"\r\n.", b"\r\n..") + b".\r\n"
                found, _, reader = read([wire[at : at + size] for at in range(0, len(wire), size)])
                self.assertEqual(found, text, (size, shift))
                self.assertTrue(reader.ended)

    def test_only_the_right_sequence_ends(self) -> None:
        for sequence in (b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\r", b"\r\n.\r\r\n"):
            for blocks in ([b"a" + sequence + b"b"], lines(b"a" + sequence + b"b")):
                _, rest, reader = read([*blocks, b"c\r\n"])
                self.assertFalse(reader.ended, sequence)
                self.assertEqual(rest, b"")
                self.assertTrue(reader.ends.bare, sequence)

    def test_little_is_held_back(self) -> None:
        reader = DotReader()
        self.assertEqual(reader.read(b"hello")[0], b"hello")
        self.assertEqual(reader.read(b"\r\n.\r")[0], b"")
        self.assertEqual(reader.read(b"x")[0], b"\r\n\rx")

    @settings(deadline=None)
    @given(
        st.lists(st.sampled_from([b"\r\n", b".", b"a", b"\r", b"\n", b"\0", b"\r\n.\r\n"])),
        st.data(),
    )
    def test_any_cut_gives_the_same(self, pieces: list[bytes], data: st.DataObject) -> None:
        wire = b"".join(pieces)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)))))
        whole, rest, reader = read([wire])
        blocks = [
            wire[start:end] for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)
        ]
        cut, cut_rest, cut_reader = read(blocks)
        self.assertEqual((whole, rest, reader.ended), (cut, cut_rest, cut_reader.ended))
        self.assertEqual(
            (reader.ends.bare, reader.ends.nul), (cut_reader.ends.bare, cut_reader.ends.nul)
        )

    @settings(deadline=None)
    @given(st.lists(st.text("ab.", max_size=5)))
    def test_what_is_stuffed_comes_back(self, text: list[str]) -> None:
        content = "".join(f"{line}\r\n" for line in text).encode()
        wire = b"".join(b"." * (line[:1] == ".") + f"{line}\r\n".encode() for line in text)
        self.assertEqual(read([wire + b".\r\n"])[0], content)
