"""The parts that are read as the body of a message, and messages that must not be changed."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.mime.bodies import LeftAlone, refuse_inline_pgp, text_bodies
from mailhost.message.mime.structure import parse
from tests.message.mime.messages import multipart

TEXT = b"Content-Type: text/plain\r\n\r\nHi"
HTML = b"Content-Type: text/html\r\n\r\n<p>Hi"
IMAGE = b"Content-Type: image/png\r\n\r\nHi"
FILE = b"Content-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nHi"
NAMED = b"Content-Type: text/plain\r\nContent-Disposition: inline; filename=x\r\n\r\nHi"


class BodyTests(SynchronousTestCase):
    def types(self, message: bytes) -> list[str]:
        return [part.type for part in text_bodies(parse(message))]

    def test_all_alternatives_and_the_first_text_of_a_mixture(self) -> None:
        both = multipart("alternative", "b", [TEXT, HTML])
        self.assertEqual(self.types(both), ["text/plain", "text/html"])
        mixed = multipart("mixed", "a", [IMAGE, FILE, NAMED, both, TEXT])
        self.assertEqual(self.types(mixed), ["text/plain", "text/html"])
        self.assertEqual(self.types(multipart("related", "c", [HTML, IMAGE])), ["text/html"])

    def test_messages_without_a_body_that_is_text(self) -> None:
        for message in (IMAGE, FILE, NAMED, multipart("mixed", "a", [IMAGE, FILE])):
            self.assertEqual(self.types(message), [], message)

    def test_signed_and_encrypted_messages_are_left_alone(self) -> None:
        signed = multipart("signed", "s", [TEXT, IMAGE])
        for message, reason in {
            signed: "it is signed",
            multipart("mixed", "a", [signed, TEXT]): "it is signed",
            multipart("encrypted", "a", [TEXT]): "it is encrypted",
            b"Content-Type: application/pkcs7-mime\r\n\r\nHi": "it is S/MIME",
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 10_001: (
                "it has more parts than are examined, or parts that programs read differently"
            ),
        }.items():
            error = self.assertRaises(LeftAlone, self.types, message)
            self.assertEqual(str(error), reason)

    def test_a_signed_attachment_is_no_obstacle(self) -> None:
        signed = multipart("signed", "s", [TEXT, IMAGE])
        self.assertEqual(self.types(multipart("mixed", "a", [TEXT, signed])), ["text/plain"])


class InlinePGPTests(SynchronousTestCase):
    def test_at_the_beginning_of_a_line_of_text(self) -> None:
        for text in (b"-----BEGIN PGP MESSAGE", b"x\r\n-----BEGIN PGP SIGNED", b"> -----BEGIN PGP"):
            html = text.startswith(b">")
            self.assertRaises(LeftAlone, refuse_inline_pgp, text, html)

    def test_quoted_text_is_no_obstacle(self) -> None:
        refuse_inline_pgp(b"> -----BEGIN PGP MESSAGE\r\n> x\r\n", html=False)
        refuse_inline_pgp(b"", html=True)
