"""Transfer encodings and encoded words give back what was put in, and read what others write."""

from __future__ import annotations

import binascii
from email.header import decode_header, make_header

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.mime import encodings
from mailhost.message.mime.edits import Edit, apply
from mailhost.message.mime.encoded_words import codec_of, decode_words, encode_words
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
    def test_there_and_back(self, body: bytes) -> None:
        for encoding in ("quoted-printable", "base64"):
            encoded = encodings.encode(body, encoding)
            self.assertLessEqual(max(map(len, encoded.split(b"\r\n"))), 76)
            self.assertTrue(encoded.isascii())
            self.assertEqual(encoded.count(b"\n"), encoded.count(b"\r\n"))
            self.assertEqual(encodings.decode(encoded, encoding), body)
            self.assertEqual(encodings.decode_exactly(encoded, encoding), body)

    @few
    @given(octets)
    def test_whatever_is_read(self, body: bytes) -> None:
        for encoding in ("quoted-printable", "base64", "x-uuencode", "7bit", "x"):
            encodings.decode(body, encoding)

    def test_patient_base64(self) -> None:
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


class WordTests(SynchronousTestCase):
    def test_read(self) -> None:
        for text, wanted in {
            "": "",
            " a  b ": " a  b ",
            "=?utf-8?q?a_b?=": "a b",
            "=?utf-8?Q?a?= =?utf-8?B?Yg==?=": "ab",
            "=?utf-8?q?a?= b =?utf-8?q?c?=": "a b c",
            "=?iso-8859-1?q?=F6?= =?utf-8?q?=C3=B6?=": "öö",
            "=?utf-8*de?q?x?=": "x",
            "x=?utf-8?q?y?=z": "xyz",
            "=?x-none?q?=C3=B6?=": "ö",
            "=?hex?q?41?=": "41",
            "=?utf-8?q?=FF?=": "\ufffd",
            "=?utf-8?b?SGk?=": "Hi",
            "=?utf-8?x?SGk?=": "=?utf-8?x?SGk?=",
            "=?utf-8?q?two words?=": "two words",
            "=?a?q?": "=?a?q?",
            "ö": "ö",
        }.items():
            self.assertEqual(decode_words(text), wanted, text)

    @few
    @given(st.text(min_size=1, max_size=200).filter(lambda text: text.isprintable()))
    def test_there_and_back(self, text: str) -> None:
        explanation = encode_words(text)
        self.assertLessEqual(max(map(len, explanation)), 75)
        self.assertEqual(decode_words("\t ".join(explanation)), text)
        self.assertEqual(str(make_header(decode_header(" ".join(explanation)))), text)

    def test_hostile(self) -> None:
        for text in ("=?a?q?" * 100_000, "=?" * 300_000, "=?a?q? " * 100_000, "=?a?b?=" * 100_000):
            decode_words(text)

    def test_charsets(self) -> None:
        for name, codec in {
            "UTF-8": "utf_8",
            " us-ascii ": "ascii",
            "Windows-1252": "cp1252",
            "iso-8859-15": "iso8859_15",
            "ISO_8859-1:1987": "latin_1",
            "koi8-u": "koi8_u",
            "hex": None,
            "rot13": None,
            "idna": None,
            "punycode": None,
            "unicode_escape": None,
            "os": None,
            "a\0b": None,
            "": None,
        }.items():
            self.assertEqual(codec_of(name), codec, name)


class EditTests(SynchronousTestCase):
    def test_in_any_order(self) -> None:
        edits = [Edit(3, 4, b"D"), Edit(0, 1, b""), Edit(1, 1, b"+")]
        self.assertEqual(apply(b"abcd", edits), b"+bcD")

    def test_nothing_to_do(self) -> None:
        message = bytes(range(256))
        self.assertIs(apply(message, []), message)

    def test_overlapping(self) -> None:
        self.assertRaises(ValueError, apply, b"abcd", [Edit(0, 2, b""), Edit(1, 3, b"")])
