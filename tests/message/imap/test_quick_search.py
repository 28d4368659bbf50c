"""Texts are ruled out, or found, only where reading the message says the same."""

from __future__ import annotations

import base64
import quopri

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.crlf import with_crlf
from mailhost.message.imap.part_offsets import read_parts
from mailhost.message.imap.quick_search import QuickSearch
from mailhost.message.imap.reader import MemoryReader
from mailhost.message.imap.search import all_texts, body_texts, fold, search

PIECES = [
    *"abefikst\t;<>&='\"-:é ß",
    *("\ufb01", "\u00aa", "\u212a", "\u2019", "\u0301", "\n", "=\n", "<b>", "</b>", "<!--", "-->"),
    *(
        "&amp;",
        "&#97;",
        "&nbsp;",
        "&eacute;",
        "&#0160;",
        "\xa0",
        "&ensp;",
        "&#x66;",
        "&fjlig;",
        "=61",
        "ae",
        "fee",
        "st",
    ),
    *("=?utf-8?q?ab?=", "charset=x", "html", "base64", "~{", "+AGE-"),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
NEEDLES = st.text("abefikst é<&;: \u2019ß\t", min_size=1, max_size=3)
CHARSETS = st.sampled_from(
    [
        "",
        "us-ascii",
        "utf-8",
        "iso-8859-1",
        "windows-1252",
        "koi8-r",
        "utf-7",
        "utf-16",
        "big5",
        "x-none",
        "hz",
    ]
)
ENCODINGS = st.sampled_from(["", "8bit", "quoted-printable", "base64", "x-uue"])
TYPES = st.sampled_from(["", "text/plain", "text/html", "text/x-html", "application/pdf"])


@st.composite
def parts(draw: st.DrawFn) -> bytes:
    """A header and a body."""
    kind, charset, encoding = draw(TYPES), draw(CHARSETS), draw(ENCODINGS)
    text = draw(TEXTS)
    fields = [
        f"Subject: {draw(TEXTS)}".encode(draw(st.sampled_from(["utf-8", "cp1252"])), "replace")
    ]
    if kind:
        more = draw(
            st.sampled_from(
                ["; charset={}", '; charset="{}"', "; charset*=''{}", ";\n charset = {}"]
            )
        )
        fields.append(f"Content-Type: {kind}{more.format(charset) if charset else ''}".encode())
    if encoding:
        fields.append(f"Content-Transfer-Encoding: {encoding}".encode())
    codec = charset if charset not in ("", "x-none") else "utf-8"
    octets = text.encode(codec, "replace")
    if encoding == "base64":
        octets = base64.encodebytes(octets)
    elif encoding == "quoted-printable":
        octets = quopri.encodestring(octets)
    return b"\n".join([*fields, b"", octets])


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A message with one part or several."""
    if draw(st.booleans()):
        return with_crlf(draw(parts()))
    several = b"".join(b"\n--x\n" + draw(parts()) for _ in range(2))
    head = f"Subject: {draw(TEXTS)}\nContent-Type: multipart/mixed; boundary=x\n".encode()
    return with_crlf(head + several + b"\n--x--\n")


def is_in(octets: bytes, needle: str, headers: bool) -> bool:
    reader = MemoryReader(octets)
    find = all_texts if headers else body_texts
    return any(search(find(reader, read_parts(octets)), needle))


class QuickSearchTests(SynchronousTestCase):
    @given(messages(), NEEDLES)
    def test_what_reading_finds_is_not_ruled_out(self, octets: bytes, needle: str) -> None:
        certain = QuickSearch(fold(needle)).look(octets)
        if certain is False:
            self.assertFalse(is_in(octets, needle, headers=True))
        elif certain:
            self.assertTrue(is_in(octets, needle, headers=False))

    def ruled_out(self, octets: bytes, needle: str) -> bool:
        return QuickSearch(fold(needle)).look(with_crlf(octets)) is False

    def test_what_most_messages_have_is_seen_through(self) -> None:
        plain = b"Subject: one\nContent-Type: text/plain; charset=utf-8\n\nA message\n"
        self.assertTrue(self.ruled_out(plain, "two"))
        self.assertTrue(self.ruled_out(plain, "größe"))
        quoted = b"Content-Transfer-Encoding: quoted-printable\n\nt=\nw=3D caf=C3=A9\n"
        self.assertTrue(self.ruled_out(quoted, "two"))
        self.assertFalse(self.ruled_out(quoted, "tw="))
        html = (
            b"Content-Type: text/html; charset=iso-8859-1\n\n<p>t<b>a</b> &nbsp;&#8217;\xe9</p>\n"
        )
        self.assertTrue(self.ruled_out(html, "two"))
        self.assertFalse(self.ruled_out(html, "ta"))
        self.assertFalse(self.ruled_out(html, "ta "))

    def test_what_cannot_be_seen_through(self) -> None:
        for octets in (
            b"Subject: =?utf-8?q?two?=\n\n",
            b"Content-Transfer-Encoding: base64\n\ndHdv\n",
            b"Content-Type: x\nContent-Transfer-Encoding: base64\n\ndHdv\n",
            b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: image/png\n--b\n"
            b"Content-Transfer-Encoding: base64\n\ndHdv\n--b--\n",
            b"Subject: =?utf-8?q?t?=\n =?utf-8?q?wo?=\n\n",
            b"Content-Type: text/plain; charset=utf-7\n\n+AHQ-wo\n",
            b"Content-Type: text/plain; charset*=utf-7''\n\n+AHQ-wo\n",
            b"Content-Type: text/html\n\n&#116;wo\n",
            "Subject: one\n\n\uff54wo\n".encode(),
        ):
            self.assertFalse(self.ruled_out(octets, "two"), octets)

    def test_attachments_and_encoded_words_are_seen_through(self) -> None:
        octets = (
            b"From: =?utf-8?q?K=C3=A4te?= <kate@x>\nContent-Type: multipart/mixed; boundary=b\n\n"
            b"--b\nContent-Type: text/plain; charset=utf-8\n\nA text\n--b\n"
            b"Content-Type: image/png\nContent-Transfer-Encoding: base64\n\nAAAA\n--b--\n"
        )
        self.assertTrue(self.ruled_out(octets, "two"))
        self.assertFalse(self.ruled_out(octets, "k\xe4te"))

    def test_folded_fields(self) -> None:
        octets = b"Subject: one\n two\n\n"
        self.assertFalse(self.ruled_out(octets, "one two"))
        self.assertTrue(QuickSearch("one two").may_be_in_header(with_crlf(octets)))
        self.assertFalse(QuickSearch("one three").may_be_in_header(with_crlf(octets)))
