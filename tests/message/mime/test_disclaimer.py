"""A text is added to the bodies of a message; other parts keep their octets."""

from __future__ import annotations

import base64
import html as markup
from email import message_from_bytes, policy
from email.message import EmailMessage

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.mime.bodies import text_bodies
from mailhost.message.mime.disclaimer import LARGEST_TEXT, AddedText, Edited, append, prepend
from mailhost.message.mime.structure import parse
from tests.message.mime.messages import broken, messages, multipart

few = settings(deadline=None)
ASCII = AddedText("Footer")
GERMAN = AddedText("Grüße, 10 €", "<hr>Grüße, 10 €")
EMOJI = AddedText("\U0001f600\n" * 30)


def plain(body: str, fields: str = "", kind: str = "text/plain; charset=utf-8") -> bytes:
    """Return a message of one text part, with this body and these further fields."""
    return f"From: a\r\nMIME-Version: 1.0\r\nContent-Type: {kind}\r\n{fields}\r\n{body}".encode()


def shown(message: bytes) -> list[str]:
    """Return the texts of a message as the standard library reads them."""
    read = message_from_bytes(message, _class=EmailMessage, policy=policy.default)
    return [
        part.get_content()
        for part in read.walk()
        if part.get_content_maintype() == "text" and not part.is_attachment()
    ]


class DisclaimerTests(SynchronousTestCase):
    def edited(self, edit: Edited) -> bytes:
        assert edit.message is not None, edit.reason
        self.assertEqual(edit.reason, "")
        return edit.message

    def appended(self, message: bytes, added: AddedText = ASCII) -> bytes:
        return self.edited(append(message, added))

    def prepended(self, message: bytes, added: AddedText = ASCII) -> bytes:
        return self.edited(prepend(message, added))

    # --- where the text goes ----------------------------------------------------------------

    def test_at_the_end_of_text(self) -> None:
        for body, wanted in {
            "Hi\r\n": "Hi\r\nFooter\r\n",
            "Hi": "Hi\r\nFooter\r\n",
            "": "Footer\r\n",
            "Hi\nyou\n": "Hi\nyou\nFooter\r\n",
        }.items():
            self.assertEqual(self.appended(plain(body)), plain(wanted))

    def test_in_front_of_text(self) -> None:
        self.assertEqual(self.prepended(plain("Hi\nyou")), plain("Footer\r\nHi\nyou"))

    def test_a_message_without_mime(self) -> None:
        self.assertEqual(self.appended(b"A: b\r\n\r\nHi"), b"A: b\r\n\r\nHi\r\nFooter\r\n")
        self.assertEqual(self.appended(b"A: b\r\n"), b"A: b\r\n\r\nFooter\r\n")
        self.assertEqual(self.appended(b"A: b"), b"A: b\r\n\r\nFooter\r\n")
        self.assertEqual(self.appended(b""), b"\r\nFooter\r\n")
        self.assertEqual(
            self.appended(b"A: b\r\n\r\nHi", AddedText("ö")),
            b"A: b\r\nContent-Type: text/plain; charset=utf-8\r\n"
            b"Content-Transfer-Encoding: quoted-printable\r\nMIME-Version: 1.0\r\n"
            b"\r\nHi\r\n=C3=B6\r\n",
        )

    def test_html_before_the_end_of_its_body(self) -> None:
        kind = "text/html; charset=utf-8"
        added = "\r\n<p>Footer</p>\r\n"
        for body, wanted in {
            "<p>Hi</BODY></html>": f"<p>Hi{added}</BODY></html>",
            "<p></body>Hi</body >": f"<p></body>Hi{added}</body >",
            "<p>Hi</html>": f"<p>Hi{added}</html>",
            "<p>Hi": f"<p>Hi{added}",
            "": "<p>Footer</p>\r\n",
        }.items():
            self.assertEqual(self.appended(plain(body, kind=kind)), plain(wanted, kind=kind), body)
        for body, wanted in {
            '<html><Body a=">" b>Hi': f'<html><Body a=">" b>{added}Hi',
            "<head></head>Hi": f"<head></head>{added}Hi",
            "<html>Hi": f"<html>{added}Hi",
            "<!DOCTYPE html>Hi": f"<!DOCTYPE html>{added}Hi",
            "<body a='>Hi": "<p>Footer</p>\r\n<body a='>Hi",
            "Hi": "<p>Footer</p>\r\nHi",
        }.items():
            self.assertEqual(self.prepended(plain(body, kind=kind)), plain(wanted, kind=kind), body)

    def test_text_is_escaped_for_html_unless_html_is_given(self) -> None:
        message = plain("<p>Hi\r\n", kind="text/html")
        text = AddedText("a < b\n& c\n")
        wanted = plain("<p>Hi\r\n<p>a &lt; b<br>\r\n&amp; c</p>\r\n", kind="text/html")
        self.assertEqual(self.appended(message, text), wanted)
        given = plain("<p>Hi\r\n<b>x</b>\r\n", kind="text/html")
        self.assertEqual(self.appended(message, AddedText("x", "<b>x</b>")), given)

    def test_each_alternative_and_the_first_of_a_mixture(self) -> None:
        text = b"Content-Type: text/plain\r\n\r\nHi"
        html = b"Content-Type: text/html\r\n\r\n<p>Hi"
        image = b"Content-Type: image/png\r\n\r\nHi"
        file = b"Content-Disposition: attachment\r\n\r\nHi"
        note = b"Content-Disposition: inline; filename=x.txt\r\n\r\nHi"
        related = multipart("related", "c", [html, image])
        both = multipart("alternative", "b", [text, related])
        message = multipart("mixed", "a", [file, note, both, text])
        new_both = multipart(
            "alternative",
            "b",
            [
                text + b"\r\nFooter\r\n",
                multipart("related", "c", [html + b"\r\n<p>Footer</p>\r\n", image]),
            ],
        )
        wanted = multipart("mixed", "a", [file, note, new_both, text])
        self.assertEqual(self.appended(message), wanted)

    def test_empty_parts(self) -> None:
        head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        for empty in (b"--b\r\n\r\n--b--", b"--b\r\n--b--", b"--b\r\nA: b\r\n--b--", b"--b"):
            message = self.appended(head + empty)
            self.assertEqual([each.strip() for each in shown(message)], ["Footer"], empty)

    # --- charsets and transfer encodings --------------------------------------------------

    def test_in_the_charset_of_the_text(self) -> None:
        quoted = "Content-Transfer-Encoding: quoted-printable\r\n"
        kind = "text/plain; charset=windows-1252"
        self.assertEqual(
            self.appended(plain("Hi=20\r\n", quoted, kind), GERMAN),
            plain("Hi=20\r\nGr=FC=DFe, 10 =80\r\n", quoted, kind),
        )

    def test_utf_8_where_the_charset_lacks_a_character(self) -> None:
        old = 'text/plain; format=fixed;\r\n\tcharset="iso-8859-1"; x="y z'
        quoted = "Content-Transfer-Encoding: quoted-printable\r\n"
        self.assertEqual(
            self.appended(plain("=FC\r\n", quoted, old), GERMAN),
            plain(
                "=C3=BC\r\nGr=C3=BC=C3=9Fe, 10 =E2=82=AC\r\n",
                quoted,
                'text/plain; charset=utf-8; format=fixed; x="y z',
            ),
        )

    def test_html_has_character_references(self) -> None:
        kind = "text/html; charset=iso-8859-1"
        quoted = "Content-Transfer-Encoding: quoted-printable\r\n"
        self.assertEqual(
            self.appended(plain("=FC\r\n", quoted, kind), GERMAN),
            plain("=FC\r\n<hr>Gr=FC=DFe, 10 &#8364;\r\n", quoted, kind),
        )

    def test_charsets_that_are_not_like_ascii(self) -> None:
        for charset in ("utf-16", "utf-7", "cp037"):
            for kind in ("plain", "html"):
                body = base64.b64encode("Hi ä\r\n".encode(charset)).decode()
                fields = "Content-Transfer-Encoding: base64\r\n"
                message = plain(body, fields, f"text/{kind}; charset={charset}")
                added = "<p>Footer</p>" if kind == "html" else "Footer"
                self.assertEqual(shown(self.appended(message)), [f"Hi ä\r\n{added}\r\n"])
        broken = plain(
            "AA==", "Content-Transfer-Encoding: base64\r\n", "text/plain; charset=utf-16"
        )
        self.assertEqual(
            append(broken, ASCII), Edited(None, "a text is not in the charset that its header says")
        )

    def test_stateful_charset(self) -> None:
        body = "日本".encode("iso-2022-jp").decode("ascii")
        message = plain(body, kind="text/plain; charset=iso-2022-jp")
        self.assertEqual(shown(self.appended(message, AddedText("語")))[0].split(), ["日本", "語"])

    def test_html_in_a_stateful_charset(self) -> None:
        """The octets of a character look like a tag (RFC 1468)."""
        text = "<p>実験</p>"
        self.assertIn(b"<B", text.encode("iso-2022-jp"))
        message = plain(
            text.encode("iso-2022-jp").decode("ascii"), "", "text/html; charset=iso-2022-jp"
        )
        self.assertEqual(shown(self.appended(message)), [f"{text}\r\n<p>Footer</p>\r\n"])
        self.assertEqual(shown(self.prepended(message)), [f"<p>Footer</p>\r\n{text}"])
        broken = message.replace(b"\x1b(B", b"\x1b(X")
        self.assertIn("charset", append(broken, ASCII).reason)

    def test_a_charset_that_is_wrong_or_unknown(self) -> None:
        lies = plain("ö\r\n", "Content-Transfer-Encoding: 8bit\r\n", "text/plain")
        self.assertEqual(shown(self.appended(lies, GERMAN)), ["ö\r\nGrüße, 10 €\r\n"])
        latin = lies.replace("ö".encode(), b"\xf6")
        wanted = latin + b"Gr??e, 10 ?\r\n"
        self.assertEqual(self.appended(latin, GERMAN), wanted)
        unknown = latin.replace(b"text/plain", b"text/plain; charset=x-none")
        self.assertEqual(self.appended(unknown, GERMAN), unknown + b"Gr??e, 10 ?\r\n")

    def test_7bit_that_needs_8bit_becomes_quoted_printable(self) -> None:
        for fields in ("", "Content-Transfer-Encoding: 7BIT\r\n"):
            message = self.appended(plain("a = b \r\n", fields), GERMAN)
            self.assertIn(b"\r\na =3D b=20\r\nGr=C3=BC=C3=9Fe, 10 =E2=82=AC\r\n", message)
            self.assertEqual(message.count(b"Content-Transfer-Encoding: quoted-printable\r\n"), 1)
            self.assertTrue(message.isascii())

    def test_8bit_stays_where_the_body_has_8bit_octets(self) -> None:
        fields = "Content-Transfer-Encoding: 8bit\r\n"
        self.assertEqual(
            self.appended(plain("ö", fields), GERMAN), plain("ö\r\nGrüße, 10 €\r\n", fields)
        )
        self.assertTrue(self.appended(plain("o", fields), GERMAN).isascii())

    def test_long_lines_are_encoded(self) -> None:
        message = self.appended(plain("Hi\r\n"), AddedText("word " * 400))
        self.assertLess(max(map(len, message.split(b"\r\n"))), 80)
        self.assertEqual(shown(message)[0].split(), ["Hi", *["word"] * 400])

    def test_base64(self) -> None:
        fields = "Content-Transfer-Encoding: Base64\r\n"
        body = base64.encodebytes(b"Hi\n" * 100).replace(b"\n", b"\r\n").decode()
        message = self.appended(plain(body, fields), GERMAN)
        self.assertEqual(shown(message), ["Hi\n" * 100 + "Grüße, 10 €\r\n"])
        self.assertLessEqual(max(map(len, message.split(b"\r\n"))), 76)

    def test_quoted_printable_keeps_its_octets(self) -> None:
        fields = "Content-Transfer-Encoding: quoted-printable\r\n"
        for body, end in {
            "=41=\r\nb\r\n": "Footer\r\n",
            "=41=\r\nb": "\r\nFooter\r\n",
            "=41=\r\n": "\r\nFooter\r\n",
            "=41=": "\r\n\r\nFooter\r\n",
            "=41= ": "\r\n\r\nFooter\r\n",
        }.items():
            message = self.appended(plain(body, fields))
            self.assertEqual(message, plain(body + end, fields))
            self.assertTrue(shown(message)[0].endswith("\nFooter\r\n"), message)
            self.assertEqual(
                self.prepended(plain(body, fields)), plain("Footer\r\n" + body, fields)
            )

    # --- format=flowed ------------------------------------------------------------------------

    def test_flowed(self) -> None:
        kind = "text/plain; charset=us-ascii; format=Flowed"
        text = AddedText("-- \n> x \n y\n" + "word " * 20)
        first, last = "word " * 14, "word " * 6
        added = f"-- \r\n > x\r\n  y\r\n{first}\r\n{last.strip()}\r\n"
        for body, between in {
            "Hi\r\n": "",
            "Hi \r\n": "\r\n",
            "Hi ": "\r\n\r\n",
            "Hi -- \r\n": "\r\n",
            "-- \r\n": "",
            "": "",
        }.items():
            message = self.appended(plain(body, kind=kind), text)
            self.assertEqual(message, plain(body + between + added, kind=kind), body)
        message = self.prepended(plain("Hi \r\n", kind=kind + "; delsp=yes"), text)
        added = added.replace(f"{first}\r\n", f"{first} \r\n")
        self.assertEqual(message, plain(added + "Hi \r\n", kind=kind + "; delsp=yes"))

    # --- what is left alone -------------------------------------------------------------------

    def test_left_alone(self) -> None:
        text = b"Content-Type: text/plain\r\n\r\nHi\r\n"
        pgp = text + b"-----BEGIN PGP SIGNED MESSAGE-----\r\n"
        coded = base64.b64encode(b"-----BEGIN PGP MESSAGE-----\r\n")
        signed = multipart("signed", "s", [text, b"Content-Type: application/x\r\n\r\n"])
        for message, reason in {
            signed: "it is signed",
            multipart("mixed", "a", [signed, text]): "it is signed",
            multipart("encrypted", "a", [text]): "it is encrypted",
            b"Content-Type: application/pkcs7-mime; name=smime.p7m\r\n\r\nHi": "it is S/MIME",
            b"Content-Type: application/x-PKCS7-mime\r\n\r\nHi": "it is S/MIME",
            pgp: "it has inline PGP",
            multipart("alternative", "a", [text, pgp]): "it has inline PGP",
            b"Content-Transfer-Encoding: base64\r\n\r\n" + coded: "it has inline PGP",
            pgp.replace(b"plain", b"html").replace(b"\n--", b"\n<p>--"): "it has inline PGP",
            b"Content-Type: image/png\r\n\r\nHi": "it has no text",
            b"Content-Type: multipart/mixed\r\n\r\nHi": "it has no text",
            b"Content-Type: message/rfc822\r\n\r\n" + text: "it has no text",
            multipart("mixed", "a", [b"Content-Type: image/png\r\n\r\nHi"]): "it has no text",
            b"Content-Disposition: attachment\r\n\r\nHi": "it has no text",
        }.items():
            self.assertEqual(append(message, ASCII), Edited(None, reason), message)
        for fields in (b"x-uuencode\r\n\r\nHi", b"base64\r\n\r\nSG=k=", b"base64\r\n\r\nSGk"):
            edit = append(b"Content-Transfer-Encoding: " + fields, ASCII)
            self.assertIsNone(edit.message)
            self.assertTrue(edit.reason)

    def test_a_quoted_pgp_message_is_no_obstacle(self) -> None:
        self.appended(plain("> -----BEGIN PGP MESSAGE-----\r\n"))

    def test_a_text_that_is_too_large(self) -> None:
        edit = append(plain("\r\n" * (LARGEST_TEXT // 2 + 1)), GERMAN)
        self.assertIsNone(edit.message)
        self.assertIn("more than 5000000 octets", edit.reason)

    def test_a_signed_attachment_is_no_obstacle(self) -> None:
        text = b"Content-Type: text/plain\r\n\r\nHi"
        signed = multipart("signed", "s", [text, text])
        self.assertEqual(
            self.appended(multipart("mixed", "a", [text, signed])),
            multipart("mixed", "a", [text + b"\r\nFooter\r\n", signed]),
        )

    # --- any message ------------------------------------------------------------------------

    @few
    @given(messages, st.booleans(), st.sampled_from([ASCII, GERMAN, EMOJI]))
    def test_the_text_is_in_each_body_and_other_parts_keep_their_octets(
        self, message: bytes, in_front: bool, added: AddedText
    ) -> None:
        root = parse(message)
        bodies = text_bodies(root)
        edit = (prepend if in_front else append)(message, added)
        if not bodies:
            self.assertIsNone(edit.message)
            return
        edited = self.edited(edit)
        before, after = list(root.walk()), list(parse(edited).walk())
        self.assertEqual([path for path, _ in before], [path for path, _ in after])
        read = message_from_bytes(edited, _class=EmailMessage, policy=policy.default)
        found = [part for part in read.walk() if not part.is_multipart()]
        leaves = [
            (old, new)
            for (_, old), (_, new) in zip(before, after, strict=True)
            if not old.multipart
        ]
        for (old, new), part in zip(leaves, found, strict=True):
            if old in bodies:
                text = markup.unescape(part.get_content())
                self.assertIn(added.text.split()[0], text)
                self.assertNotIn("\ufffd", text)
            else:
                self.assertEqual(message[old.start : old.end], edited[new.start : new.end])
        if message.isascii():
            self.assertTrue(edited.isascii())

    @few
    @given(st.binary(max_size=100) | broken, st.booleans())
    def test_any_octets(self, message: bytes, in_front: bool) -> None:
        edit = (prepend if in_front else append)(message, GERMAN)
        self.assertEqual(edit.message is None, bool(edit.reason))
        if edit.message is not None:
            self.assertGreater(len(edit.message), len(message))
