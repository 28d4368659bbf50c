"""8-bit bodies become quoted-printable or base64, and keep what they say."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.content import Content
from mailhost.message.mime.encodings import decode
from mailhost.message.mime.seven_bit import is_seven_bit, to_seven_bit
from mailhost.message.mime.structure import Part, parse
from tests.message.mime.messages import BOUNDARIES, broken, multipart

TEXT = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
GERMAN = "Schöne Grüße aus Köln, wie immer. Bis bald, und danke für alles!"
RUSSIAN = "Привет из Москвы"
HEAD = "From: ann@a.example\r\nMIME-Version: 1.0\r\n"

_texts = st.lists(
    st.sampled_from(("a", "ü", "я", " ", "\t", "\r\n", "=", ".", "-", "--x", "\r\n--", "b" * 80)),
    max_size=40,
).map("".join)
_leaves = st.tuples(
    st.sampled_from(("text/plain; charset=utf-8", "text/html", "image/x", "application/pdf")),
    st.sampled_from(("8bit", "7bit", "8BIT", "")),
    _texts,
).map(lambda each: _leaf(*each).encode())


@st.composite
def entity(draw: st.DrawFn, depth: int = 2) -> bytes:
    """A part with a body, or a multipart of such."""
    if depth == 0 or draw(st.booleans()):
        return draw(_leaves)
    parts = draw(st.lists(entity(depth - 1), min_size=1, max_size=3))
    return multipart("mixed", BOUNDARIES[depth], parts)


def _leaf(kind: str, encoding: str, body: str) -> str:
    field = f"Content-Transfer-Encoding: {encoding}\r\n" if encoding else ""
    return f"Content-Type: {kind}\r\n{field}\r\n{body}"


def leaves(message: bytes) -> list[tuple[str, bytes]]:
    """The type and the decoded body of each part that is no multipart."""
    return [
        (part.type, decode(message[part.body : part.end], part.encoding))
        for _, part in parse(message).walk()
        if not part.multipart
    ]


def shape(part: Part) -> tuple[str, tuple[object, ...]]:
    """The types of a part and of those in it."""
    return part.type, tuple(map(shape, part.parts))


class SevenBit(SynchronousTestCase):
    def converted(self, text: str) -> str:
        octets = to_seven_bit(text.encode())
        assert octets is not None
        self.assertEqual(leaves(text.encode()), leaves(octets))
        return octets.decode("ascii")

    def test_a_text_in_which_few_octets_are_above_127(self) -> None:
        text = self.converted(f"{HEAD}{TEXT}{GERMAN}\r\n")
        self.assertIn("\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nSch=C3=B6ne", text)
        self.assertTrue(text.endswith("alles!\r\n"))
        self.assertTrue(text.startswith(HEAD))

    def test_a_text_in_which_most_octets_are(self) -> None:
        text = self.converted(f"{HEAD}{TEXT}{RUSSIAN}\r\n")
        self.assertIn("\r\nContent-Transfer-Encoding: base64\r\n\r\n0J/RgNC40LLQtdGC", text)

    def test_a_message_without_mime_fields(self) -> None:
        text = self.converted(f"From: ann@a.example\r\n\r\n{GERMAN}\r\n")
        header = text.partition("\r\n\r\n")[0].split("\r\n")
        self.assertEqual(
            ["Content-Transfer-Encoding: quoted-printable", "MIME-Version: 1.0"], header[1:]
        )

    def test_other_parts_keep_their_octets(self) -> None:
        picture = "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAECAw==\r\n"
        plain = "Content-Type: text/plain\r\n\r\nplain =\r\n\r\n"
        before = f"{HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n--b\r\n"
        after = f"\r\n--b\r\n{picture}\r\n--b\r\n{plain}\r\n--b--\r\nepilogue\r\n"
        text = self.converted(f"{before}{TEXT}{GERMAN}{after}")
        self.assertTrue(text.startswith(before))
        self.assertTrue(text.endswith(after))

    def test_the_encoding_of_a_multipart(self) -> None:
        kind = "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n"
        text = self.converted(f"{HEAD}{kind}\r\n--b\r\n{TEXT}{GERMAN}\r\n--b--\r\n")
        self.assertIn("boundary=b\r\nContent-Transfer-Encoding: 7bit\r\n\r\n--b\r\n", text)

    def test_an_attachment(self) -> None:
        kind = "Content-Type: application/x\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        for body in ("ä", f"{GERMAN}\r\n", "a\r\n\r\nü\r\n\r\n"):
            part = f"{kind}{body}\r\n--b--\r\n"
            outer = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
            text = self.converted(f"{HEAD}{outer}{part}")
            self.assertIn("application/x\r\nContent-Transfer-Encoding: base64\r\n", text)

    def test_a_soft_line_break_makes_no_delimiter(self) -> None:
        kind = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        for length in range(70, 78):
            self.converted(f"{HEAD}{kind}{TEXT}ü{'x' * length}--b{'x' * 90}\r\n--b--\r\n")

    def test_nothing_is_changed_in_signed_and_encrypted_parts(self) -> None:
        for kind in ("signed", "encrypted"):
            sealed = f"Content-Type: multipart/{kind}; boundary=s\r\n\r\n--s\r\n%s\r\n--s--\r\n"
            self.assertIsNone(to_seven_bit(f"{HEAD}{sealed % (TEXT + GERMAN)}".encode()))
            ascii_part = sealed % (TEXT + "plain")
            outer = f"{HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
            text = self.converted(f"{outer}{ascii_part}\r\n--b\r\n{TEXT}{GERMAN}\r\n--b--\r\n")
            self.assertIn(ascii_part, text)

    def test_what_cannot_become_seven_bit_stays(self) -> None:
        attached = f"Content-Type: message/rfc822\r\n\r\nFrom: x\r\n{TEXT}{GERMAN}"
        outer = f"{HEAD}Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        for text in (
            f"Subject: Grüße\r\n{HEAD}{TEXT}{GERMAN}\r\n",
            f"{outer}--b\r\n{TEXT}{GERMAN}\r\n--b\r\n{attached}\r\n--b--\r\n",
            f"{outer}Präambel\r\n--b\r\n{TEXT}{GERMAN}\r\n--b--\r\n",
            f"{HEAD}{TEXT.replace('8bit', 'base64')}{GERMAN}\r\n",
            f"{HEAD}{TEXT.replace('8bit', 'x-own')}{GERMAN}\r\n",
            f"{HEAD}Content-Type: multipart/mixed\r\n\r\n--b\r\n{TEXT}{GERMAN}\r\n--b--\r\n",
        ):
            self.assertIsNone(to_seven_bit(text.encode()), text)

    def test_seven_bit(self) -> None:
        self.assertTrue(is_seven_bit(Content((b"a\r\n", b"\x7f"))))
        self.assertFalse(is_seven_bit(Content((b"a\r\n", b"b\x80"))))

    @settings(deadline=None)
    @given(entity())
    def test_each_body_says_the_same(self, part: bytes) -> None:
        message = HEAD.encode() + part
        octets = to_seven_bit(message)
        if octets is None:
            self.assertFalse(parse(message).whole)
            return
        self.assertTrue(octets.isascii())
        self.assertEqual(shape(parse(message)), shape(parse(octets)))
        self.assertEqual(leaves(message), leaves(octets))
        self.assertEqual(_read(message), _read(octets))
        self.assertEqual(octets, to_seven_bit(octets))

    @settings(deadline=None)
    @given(broken)
    def test_any_octets(self, message: bytes) -> None:
        octets = to_seven_bit(message)
        if octets is not None:
            self.assertTrue(octets.isascii())
            self.assertEqual(leaves(message), leaves(octets))


def _read(message: bytes) -> list[tuple[str, bytes]]:
    """The types and decoded bodies, as the standard library reads them."""
    read = message_from_bytes(message, _class=EmailMessage, policy=policy.SMTP)
    return [
        (each.get_content_type(), bytes(each.get_payload(decode=True)))
        for each in read.walk()
        if not each.is_multipart()
    ]
