"""Transfer encodings: encoding and decoding give the same octets; broken bodies are decoded."""

from __future__ import annotations

import binascii

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.mime import encodings
from mailhost.message.mime.encodings import BadEncoding

few = settings(deadline=None)


octets = st.binary(max_size=300) | st.lists(
    st.sampled_from([b"\r\n", b"\n", b"\r", b" ", b"\t", b"=", b".", b"x" * 40, b"\xff", b"\0"])
).map(b"".join)


class EncodingTests(SynchronousTestCase):
    @few
    @given(octets)
    @example(b"x" * 73 + b"\t  \n")
    @example(b"x" * 75 + b" \n\0")
    @example(b"x" * 75 + b"= ")
    def test_decoding_gives_the_same(self, body: bytes) -> None:
        for encoding in ("quoted-printable", "base64"):
            encoded = encodings.encode(body, encoding)
            self.assertLessEqual(max(map(len, encoded.split(b"\r\n"))), 76)
            self.assertTrue(encoded.isascii())
            self.assertEqual(encoded.count(b"\n"), encoded.count(b"\r\n"))
            self.assertEqual(encodings.decode(encoded, encoding), body)
            self.assertEqual(encodings.decode_exactly(encoded, encoding), body)

    @few
    @given(octets)
    def test_any_octets_are_decoded(self, body: bytes) -> None:
        for encoding in ("quoted-printable", "base64", "x-uuencode", "7bit", "x"):
            encodings.decode(body, encoding)

    def test_lenient_base64(self) -> None:
        for text, wanted in {
            b"SGk=": b"Hi",
            b"SGk": b"Hi",
            b"SG\r\n k!=": b"Hi",
            b"SGk=SGk=": b"HiHi",
            b"SGk=\r\n====SGkh": b"HiHi!",
            b"SGkhS": b"Hi!",
            b"S": b"",
        }.items():
            self.assertEqual(encodings.decode_base64(text), wanted, text)
        for text in (b"SGk", b"SG=k", b"SGk=SGk=", b"SG!k"):
            self.assertRaises(BadEncoding, encodings.decode_exactly, text, "base64")
        self.assertRaises(BadEncoding, encodings.decode_exactly, b"", "x-uuencode")

    @few
    @given(st.binary(max_size=200))
    def test_uuencode(self, body: bytes) -> None:
        lines = [binascii.b2a_uu(body[at : at + 45]) for at in range(0, len(body), 45)]
        text = b"begin 644 x y.bin\n" + b"".join(lines) + b"`\nend\nmore\n"
        self.assertEqual(encodings.decode(text, "x-uuencode"), body)
