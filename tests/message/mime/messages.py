"""Strategies for messages with parts as mail programs write them, and for broken messages."""

from __future__ import annotations

import base64
import quopri

from hypothesis import strategies as st

lines = st.sampled_from(
    [
        "Hi",
        "",
        " ",
        "-- ",
        "--",
        "From x",
        "> y ",
        "größer",
        "x" * 100,
        "=20",
        "<b>&",
        ".",
        "\U0001f600",
    ]
)
texts = st.lists(lines, max_size=5).map("\r\n".join)
charsets = st.sampled_from(["us-ascii", "utf-8", "iso-8859-1", "windows-1252"])
encodings = st.sampled_from(["7bit", "8bit", "quoted-printable", "base64"])
ends = st.sampled_from([b"", b"\r\n"])
BOUNDARIES = ["b", "bb", "=_b x", "b.0"]


def encoded(octets: bytes, encoding: str) -> tuple[str, bytes]:
    """Return an encoding that can represent the octets, and the encoded body."""
    if encoding == "base64":
        return encoding, base64.encodebytes(octets).replace(b"\n", b"\r\n").rstrip()
    if encoding == "quoted-printable" or not octets.isascii():
        unix = quopri.encodestring(octets.replace(b"\r\n", b"\n"))
        return "quoted-printable", unix.replace(b"\n", b"\r\n")
    return encoding, octets


@st.composite
def text_part(draw: st.DrawFn, kinds: tuple[str, ...] = ("plain", "html")) -> bytes:
    """A text part that is read with the message."""
    kind, charset = draw(st.sampled_from(kinds)), draw(charsets)
    text = draw(texts)
    if kind == "html":
        text = (
            draw(st.sampled_from(["%s", "<html><body>%s</body></html>", "<p>%s</BODY>\r\n"])) % text
        )
    octets = text.encode(charset, "replace")
    encoding, body = encoded(octets, draw(encodings))
    if draw(st.booleans()) and body:
        body += b"\r\n"
    head = f"Content-Type: text/{kind}; charset={charset}\r\n"
    return (head + f"Content-Transfer-Encoding: {encoding}\r\n\r\n").encode() + body


@st.composite
def attached_part(draw: st.DrawFn) -> bytes:
    """An attachment."""
    octets = draw(st.binary(max_size=100))
    name = draw(st.sampled_from(["a.bin", "=?utf-8?q?=C3=B6.pdf?=", "two words.exe"]))
    head = f'Content-Type: application/octet-stream; name="{name}"\r\n'
    head += f'Content-Disposition: attachment;\r\n\tfilename="{name}"\r\n'
    body = base64.encodebytes(octets).replace(b"\n", b"\r\n")
    return head.encode() + b"Content-Transfer-Encoding: base64\r\n\r\n" + body


def multipart(subtype: str, boundary: str, parts: list[bytes]) -> bytes:
    """Return a multipart of these parts, which must not contain the boundary."""
    line = f"--{boundary}".encode()
    head = f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n\r\n'.encode()
    return head + b"".join(line + b"\r\n" + part + b"\r\n" for part in parts) + line + b"--\r\n"


@st.composite
def entity(draw: st.DrawFn, depth: int = 3) -> bytes:
    """A text part, or a multipart of texts and attachments."""
    if depth == 0 or draw(st.booleans()):
        return draw(text_part())
    subtype = draw(st.sampled_from(["mixed", "alternative", "related"]))
    first = draw(entity(depth - 1))
    others = draw(st.lists(attached_part() | text_part(), max_size=3))
    return multipart(subtype, BOUNDARIES[depth], [first, *others])


TOP = b"Received: from a\r\n\tby b\r\nSubject: Hi\r\nMIME-Version: 1.0\r\n"
messages = entity().map(lambda part: TOP + part)
broken = st.lists(
    st.sampled_from(
        [
            b"Content-Type: multipart/mixed; boundary=b\r\n",
            b"Content-Type: multipart/digest; boundary=bb\n",
            b"Content-Type: message/rfc822\r\n",
            b"Content-Type: text/html; charset=utf-8\r\n",
            b"Content-Transfer-Encoding: base64\r\n",
            b"Content-Transfer-Encoding: quoted-printable\r\n",
            b"Content-Disposition: attachment; filename=x.exe\r\n",
            b"\r\n",
            b"\n",
            b"\r",
            b"--b",
            b"--b\r\n",
            b"--b--\r\n",
            b"--bb\n",
            b"--",
            b" ",
            b"x",
            b"=",
            b"\xff",
        ]
    ),
    max_size=25,
).map(b"".join)
