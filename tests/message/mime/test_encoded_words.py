"""Encoded words, and the names of charsets."""

from __future__ import annotations

from email.header import decode_header, make_header

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.mime.encoded_words import codec_of, decode_words, encode_words

few = settings(deadline=None)


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
    def test_decoding_gives_the_same(self, text: str) -> None:
        encoded = encode_words(text)
        self.assertLessEqual(max(map(len, encoded)), 75)
        self.assertEqual(decode_words("\t ".join(encoded)), text)
        self.assertEqual(str(make_header(decode_header(" ".join(encoded)))), text)

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
