"""Bodies decoded a block at a time give the same as decoded at once."""

from __future__ import annotations

import base64
import quopri

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.imap.decoding import can_decode, decoded, decoded_size, texts
from mailhost.message.imap.part_offsets import read_parts
from mailhost.message.imap.reader import MemoryReader
from mailhost.message.mime.encodings import decode
from tests.message.imap.test_body_structure import typed

octets = st.binary(max_size=200)
sloppy = st.text("AQ=b/ \r\n-\xff", max_size=80).map(lambda text: text.encode("latin-1"))


def body(encoding: bytes, encoded: bytes, block: int = 1 << 16) -> bytes:
    """The decoded body of a part."""
    message = b"Content-Transfer-Encoding: %b\r\n\r\n%b" % (encoding, encoded)
    reader, root = MemoryReader(message), read_parts(message)
    found = b"".join(decoded(reader, root, block=block))
    assert decoded_size(reader, root) == len(found) or block < 1 << 16
    return found


class DecodingTests(SynchronousTestCase):
    @given(octets, st.integers(1, 90))
    def test_base64(self, content: bytes, block: int) -> None:
        self.assertEqual(body(b"base64", base64.encodebytes(content), block), content)

    @given(sloppy, st.integers(1, 9))
    def test_sloppy_base64_is_read_as_at_once(self, encoded: bytes, block: int) -> None:
        self.assertEqual(body(b"base64", encoded, block), decode(encoded, "base64"))

    @given(octets, st.integers(1, 90))
    def test_quoted_printable(self, content: bytes, block: int) -> None:
        encoded = quopri.encodestring(content.replace(b"\r", b"")).replace(b"\n", b"\r\n")
        found = body(b"Quoted-Printable", encoded, block)
        self.assertEqual(found, decode(encoded, "quoted-printable"))

    def test_a_long_line_is_not_held(self) -> None:
        encoded = b"=C3=B6 " * 100_000
        self.assertEqual(body(b"quoted-printable", encoded), "ö ".encode() * 100_000)

    def test_other_encodings(self) -> None:
        self.assertEqual(body(b"x-unknown", b"a=\r\n"), b"a=\r\n")
        for encoding, expected in (
            (b"7bit", True),
            (b"8BIT", True),
            (b"binary", True),
            (b"base64", True),
            (b"quoted-printable", True),
            (b"x-uuencode", False),
            (b"x-unknown", False),
        ):
            message = b"Content-Transfer-Encoding: %b\r\n\r\nx" % encoding
            self.assertEqual(can_decode(read_parts(message)), expected, encoding)

    def test_a_composite_is_not_decoded(self) -> None:
        message = b"Content-Transfer-Encoding: base64\r\n" + typed(
            b"multipart/mixed; boundary=b", b"--b\r\n\r\neA==\r\n--b--"
        )
        root = read_parts(message)
        self.assertEqual(b"".join(decoded(MemoryReader(message), root)), message[root.body :])
        self.assertEqual(decoded_size(MemoryReader(message), root), root.size)

    def test_a_limit(self) -> None:
        message = b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(b"abc" * 99)
        found = decoded(MemoryReader(message), read_parts(message), limit=8)
        self.assertEqual(b"".join(found), b"abcabc")


class TextTests(SynchronousTestCase):
    def test_charsets(self) -> None:
        for charset, encoded, expected in (
            ("utf-8", b"\xc3\xb6\xff", "ö\ufffd"),
            ("ISO-8859-1", b"\xf6", "ö"),
            ("iso-2022-jp", b'\x1b$B$"\x1b(B', "あ"),
            ("gb2312", b"\xc4\xe3", "你"),
            ("utf-16", b"\xff\xfea\0", "a"),
            ("utf-16", b"\0a", "a"),
            ("utf-32", b"\0\0\0a", "a"),
            ("x-unknown", b"\xc3\xb6", "ö"),
            ("", b"a", "a"),
            ("rot13", b"a", "a"),
        ):
            self.assertEqual("".join(texts([encoded], charset)), expected, charset)

    def test_characters_across_blocks(self) -> None:
        self.assertEqual("".join(texts([b"\xc3", b"\xb6", b"\xe2\x82"], "utf-8")), "ö\ufffd")

    @given(st.lists(octets, max_size=3), st.text("utf-816735bigso20jp_hzkrcn \0.", max_size=12))
    def test_never_raises(self, blocks: list[bytes], charset: str) -> None:
        "".join(texts(blocks, charset))

    @given(
        st.lists(octets, max_size=3), st.sampled_from(["utf-16", "utf-32", "utf-7", "hz", "big5"])
    )
    def test_odd_charsets_never_raise(self, blocks: list[bytes], charset: str) -> None:
        "".join(texts(blocks, charset))
