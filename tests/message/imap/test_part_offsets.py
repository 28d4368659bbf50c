"""Part offsets, and their form in a cache."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.imap.part_offsets import (
    BadOffsets,
    BodyPart,
    decode_parts,
    encode_parts,
    read_parts,
)
from tests.message.imap.test_body_structure import multipart, typed
from tests.message.mime.messages import broken, messages


class PartOffsetsTests(SynchronousTestCase):
    def test_form(self) -> None:
        attached = b"Content-Disposition: attachment\r\n" + typed(b"text/x", b"y")
        message = multipart(typed(b"text/plain; charset=UTF-8", b"a\r\nb"), attached)
        written = encode_parts(read_parts(message)).decode().split("\n")
        self.assertEqual(written[0], "1")
        self.assertEqual(written[1].split()[5:], ["multipart/mixed", "7bit"])
        self.assertEqual(written[2].split()[4:], ["1", "text/plain", "7bit", "utf-8"])
        self.assertEqual(written[3].split()[5:], ["text/x", "7bit", "-", "attachment"])

    @given(messages | broken | st.binary(max_size=200))
    def test_what_is_written_is_read(self, message: bytes) -> None:
        root = read_parts(message)
        self.assertEqual(decode_parts(encode_parts(root)), root)
        for part in root.walk():
            self.assertTrue(part.start <= part.body <= part.end <= len(message))
            self.assertEqual(part.lines, message[part.body : part.end].count(b"\n"))
            self.assertEqual(len(part.parts) == 1, part.is_message or len(part.parts) == 1)
            self.assertEqual(bool(part.parts), part.is_multipart or part.is_message)

    def test_a_charset_with_blanks_stays_one_word(self) -> None:
        root = read_parts(typed(b'text/plain; charset="a b\xff c"'))
        self.assertEqual(decode_parts(encode_parts(root)).charset, "abc")

    @given(st.binary(max_size=60) | st.text("0123 \na/b-", max_size=60).map(str.encode))
    def test_other_octets_are_refused(self, octets: bytes) -> None:
        try:
            root = decode_parts(octets)
        except BadOffsets:
            return
        self.assertIsInstance(root, BodyPart)

    def test_other_versions_and_cut_ones_are_refused(self) -> None:
        written = encode_parts(read_parts(multipart(b"\r\na", b"\r\nb")))
        for octets in (b"", b"1", b"2" + written[1:], written + b"\n0 0 0 0 0 a/b 7bit", b"1\n"):
            self.assertRaises(BadOffsets, decode_parts, octets)

    def test_replacing_keeps_slots(self) -> None:
        self.assertEqual(replace(BodyPart(0, 1, 3), lines=2).size, 2)
