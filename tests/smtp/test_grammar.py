"""The encodings xtext and utf-8-addr-xtext, and the ORCPT parameter that uses them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.smtp.grammar import decode_orcpt, decode_xtext


class EncodingTests(SynchronousTestCase):
    def test_xtext(self) -> None:
        for value, decoded in (
            (b"a+3Db", "a=b"),
            (b"", ""),
            (b"a=b", "a=b"),
            (b"a+3db", "a+3db"),
            (b"a+3Db+x", "a+3Db+x"),
            (b"+C3+BC", "+C3+BC"),
            (b"+0D+0Ax", "+0D+0Ax"),
            (b"+", "+"),
            (b"\xc3\xbc", None),
            (b"a\nb", None),
        ):
            self.assertEqual(decode_xtext(value), decoded)

    def test_orcpt(self) -> None:
        for value, decoded in (
            (b"rfc822;a+40b", "rfc822;a@b"),
            (b"RFC822;a+2Bb@c", "rfc822;a+b@c"),
            (b"utf-8;\\x{FC}@b", "utf-8;ü@b"),
            ("utf-8;ü@b".encode(), "utf-8;ü@b"),
            (b"rfc822;ann+x@b", "rfc822;ann+x@b"),
            (b"rfc822;ann+caf_=c@b", "rfc822;ann+caf_=c@b"),
            (b"rfc822;a+0Ab", "rfc822;a+0Ab"),
            (b"rfc822;a+FFb", "rfc822;a+FFb"),
            (b"x400;/c=", "x400;/c="),
            (b"rfc822;a\xc3\xbc", None),
            (b"utf-8;\\x{D800}", None),
            (b"utf-8;\\x{FFFFFF}", None),
            (b"utf-8;\xff", None),
            (b";a", None),
        ):
            self.assertEqual(decode_orcpt(value), decoded, value)
