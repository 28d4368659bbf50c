"""ENVELOPE: RFC 9051 §7.5.2, and header fields that are broken."""

from __future__ import annotations

from time import process_time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.imap.envelope import read_envelope, write_envelope
from mailhost.message.imap.header_fields import HeaderFields
from tests.message.imap import replies

# the mail of RFC 9051 §8
RFC = b"""Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r
From: Terry Gray <gray@cac.washington.edu>\r
Subject: IMAP4rev2 WG mtg summary and minutes\r
To: imap@cac.washington.edu\r
Cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r
Message-Id: <B27397-0100000@cac.washington.edu>\r
\r
"""
GRAY = b'(("Terry Gray" NIL "gray" "cac.washington.edu"))'


def envelope(header: bytes, utf8: bool = False) -> bytes:
    return write_envelope(read_envelope(HeaderFields(header)), utf8)


class EnvelopeTests(SynchronousTestCase):
    def test_the_example_of_the_rfc(self) -> None:
        expected = (
            b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev2 WG mtg summary and minutes" '
            + b" ".join([GRAY] * 3)
            + b' ((NIL NIL "imap" "cac.washington.edu")) ((NIL NIL "minutes" "CNRI.Reston.VA.US")'
            b'("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL '
            b'"<B27397-0100000@cac.washington.edu>")'
        )
        self.assertEqual(envelope(RFC), expected)

    def test_nothing(self) -> None:
        self.assertEqual(envelope(b""), b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)")

    def test_present_and_empty(self) -> None:
        header = b"Subject:\r\nTo: \r\nFrom: a@b\r\nSender: \r\nMessage-ID: \r\n"
        one = b'((NIL NIL "a" "b"))'
        self.assertEqual(
            envelope(header), b'(NIL "" %b %b %b NIL NIL NIL NIL "")' % (one, one, one)
        )

    def test_quotes_and_backslashes_are_escaped(self) -> None:
        header = b'Message-ID: <"a\\"b"@c>\r\nFrom: "x\\"y\\\\" <a@b>\r\nSubject: "\\\r\n'
        written = envelope(header)
        self.assertIn(b'"<\\"a\\\\\\"b\\"@c>"', written)
        read = replies.read(written)
        assert isinstance(read, list)
        self.assertEqual((read[1], read[9]), (b'"\\', b'<"a\\"b"@c>'))
        self.assertEqual(read[2], [[b'x"y\\', None, b"a", b"b"]])

    def test_octets_above_127(self) -> None:
        header = "Subject: Grüße\r\n".encode()
        self.assertIn(b" {7}\r\nGr\xc3\xbc\xc3\x9fe ", envelope(header))
        self.assertIn(b' "Gr\xc3\xbc\xc3\x9fe" ', envelope(header, utf8=True))
        self.assertIn(b" {1}\r\n\xfc ", envelope(b"Subject: \xfc\r\n", utf8=True))

    def test_repeated_fields(self) -> None:
        read = replies.read(envelope(b"To: a@b\r\nTo: c@d\r\nSubject: 1\r\nSubject: 2\r\n"))
        assert isinstance(read, list)
        self.assertEqual(read[1], b"1")
        self.assertEqual(read[5], [[None, None, b"a", b"b"], [None, None, b"c", b"d"]])

    @given(st.binary(max_size=200), st.booleans())
    def test_any_octets_give_an_envelope(self, value: bytes, utf8: bool) -> None:
        header = b"".join(
            b"%b: %b\r\n" % (name, value.replace(b"\n", b"\r\n "))
            for name in (b"Date", b"Subject", b"From", b"To", b"In-Reply-To", b"Message-ID")
        )
        replies.check_envelope(replies.read(envelope(header, utf8), utf8=utf8))

    def test_a_header_of_a_megabyte(self) -> None:
        start = process_time()
        for header in (
            b"To: " + b"a@b,\r\n " * 150_000,
            b"To: x\r\n" * 150_000,
            b"a\r\n" * 300_000,
        ):
            replies.check_envelope(replies.read(envelope(header[: 1 << 20])))
        self.assertLess(process_time() - start, 10)
