"""Texts are added to the bodies of messages."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from mailhost.config.filters.edit import Disclaimer
from mailhost.interfaces.verdict import Decision
from mailhost.reception.filters.edit.disclaimer import DisclaimerFilter
from tests.fakes import now
from tests.reception.filters.edit.editing import EditCase
from tests.reception.filters.mails import message


class DisclaimerTests(EditCase):
    """A text in each body."""

    def disclaimer(self, **settings: Any) -> DisclaimerFilter:
        return DisclaimerFilter(Disclaimer(kind="disclaimer", **settings), self.whole_messages)

    def test_each_text_has_it_in_its_own_charset(self) -> None:
        mail = EmailMessage(policy.SMTP)
        mail.set_content("Grüße\n", charset="iso-8859-1", cte="quoted-printable")
        mail.add_alternative("<html><body>Grüße</body></html>\n", "html", cte="base64")
        content = self.edited(self.disclaimer(text="Köln & Co"), message(mail.as_bytes()))
        parsed = message_from_bytes(content, policy=policy.default)
        plain, html = parsed.iter_parts()
        self.assertEqual(plain.get_content_charset(), "iso-8859-1")
        self.assertIn("Köln & Co", plain.get_content())
        self.assertIn("Köln &amp; Co", html.get_content())
        self.assertIn("Grüße", html.get_content())

    def test_on_top_and_from_files(self) -> None:
        path = self.mktemp()
        with open(path, "w", encoding="utf-8") as file:
            file.write("Careful!")
        filter = self.disclaimer(text_file=path, place="top")
        content = self.edited(filter, message("Subject: x\n\nhello\n"))
        self.assertLess(content.index(b"Careful!"), content.index(b"hello"))

    def test_signed_mail_is_left_alone_and_the_reason_logged(self) -> None:
        mail = 'Content-Type: multipart/signed; boundary="b"\n\n--b\n\nx\n--b\n\ny\n--b--\n'
        verdict = now(self.disclaimer(text="x").look(message(mail)))
        self.assertIs(verdict.decision, Decision.PASS)
        self.assertIn("left as it is: ", verdict.reason)
