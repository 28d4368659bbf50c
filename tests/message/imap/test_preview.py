"""PREVIEW (RFC 8970): what a person reads first."""

from __future__ import annotations

from time import process_time

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.imap.part_offsets import read_parts
from mailhost.message.imap.preview import LONGEST, preview
from mailhost.message.imap.reader import MemoryReader
from tests.message.imap.test_body_structure import multipart, typed
from tests.message.mime.messages import broken, messages

HTML = b"text/html; charset=utf-8"


def of(message: bytes) -> str:
    return preview(MemoryReader(message), read_parts(message))


class PreviewTests(SynchronousTestCase):
    def test_plain_texts(self) -> None:
        for body, expected in (
            (b"Hello,\r\n\r\n  you\tthere\r\n", "Hello, you there"),
            (b"> old\r\n> older\r\nnew\r\n", "new"),
            (b"On Monday Joe wrote:\r\n> old\r\n\r\nnew\r\n", "new"),
            (b"On Monday,\r\nJoe <j@x> wrote:\r\n> old\r\nnew\r\n", "new"),
            (b"new\r\n-----Original Message-----\r\n> old\r\n", "new"),
            (b"> only old\r\n", "> only old"),
            (b"text\r\n-- \r\nJoe\r\n", "text"),
            (b"-- \r\nJoe\r\n", "-- Joe"),
            (b"=======\r\nTitle\r\n=======\r\n", "Title"),
            (b"a\0b\x1b[1mc", "a b [1mc"),
            (b"", ""),
            (b" \r\n", ""),
        ):
            self.assertEqual(of(b"\r\n" + body), expected, body)

    def test_two_hundred_characters(self) -> None:
        message = typed(b"text/plain; charset=utf-8", "ö ".encode() * 500)
        self.assertEqual(of(message), ("ö " * 500)[:LONGEST].rstrip())

    def test_html(self) -> None:
        for body, expected in (
            (b"<p>Caf&eacute; &amp; <b>bar</b>lounge</p><p>x</p>", "Café & barlounge x"),
            (b"<html><head><title>t</title></head><body>b", "b"),
            (b"<style>p { x }</style><script>a < b</script>c", "c"),
            (b"a<!-- b <p> -->c", "a c"),
            (b"new<blockquote>old</blockquote>", "new"),
            (b"<blockquote>old</blockquote>", "old"),
            (b'new<div class="gmail_quote">old</div>', "new"),
            (b"a<br>b<td>c</td>", "a b c"),
            (b"1 < 2 &lt; 3", "1 < 2 < 3"),
            (b"a<p", "a"),
            (b"a\xe2\x80\x8b\xe2\x80\x8bb", "a b"),
        ):
            self.assertEqual(of(typed(HTML, body)), expected, body)

    def test_which_part(self) -> None:
        plain, html = typed(b"text/plain", b"plain"), typed(HTML, b"html")
        attached = b"Content-Disposition: attachment\r\n" + typed(b"text/plain", b"file")
        for message, expected in (
            (multipart(plain, html, subtype=b"alternative"), "plain"),
            (multipart(html, plain, subtype=b"alternative"), "plain"),
            (multipart(html, attached), "html"),
            (multipart(attached), ""),
            (multipart(typed(b"text/plain"), html), "html"),
            (multipart(typed(b"image/gif", b"x")), ""),
            (typed(b"message/rfc822", typed(b"text/plain", b"in")), "in"),
        ):
            self.assertEqual(of(message), expected)

    def test_encodings(self) -> None:
        head = (
            b"Content-Transfer-Encoding: base64\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
        )
        self.assertEqual(of(head + b"\r\n9g==\r\n"), "ö")

    @given(messages | broken | st.binary(max_size=300).map(lambda octets: typed(HTML, octets)))
    def test_any_octets_give_a_line(self, message: bytes) -> None:
        found = of(message)
        self.assertLessEqual(len(found), LONGEST)
        self.assertEqual(found, " ".join(found.split()))
        found.encode("utf-8")

    def test_hostile_texts_take_bounded_time(self) -> None:
        start = process_time()
        for piece in (b"<", b"<!--", b"<head>", b"<a ", b"&#", b"</", b"<script", b"&amp;", b"<!"):
            of(typed(HTML, piece * 50_000))
        for piece in (
            b"\r\n>",
            b"a:\r\n>",
            b"----",
            b"x\r\n\r\n",
            b":\r\n",
            b"-",
            b" \r\n>",
            b"a \r\n",
        ):
            of(b"\r\n" + piece * 50_000)
        self.assertLess(process_time() - start, 8)
