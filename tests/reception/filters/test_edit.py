"""Filters that change mail: what comes of it, and that the rest stays."""

from __future__ import annotations

import io
import zipfile
from base64 import encodebytes
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.filters.edit import Disclaimer, Header, Rewrite, Strip, Subject
from mailhost.interfaces.filters import FilterFailed, IFilter
from mailhost.interfaces.verdict import PASS, Decision, Mail, Stage
from mailhost.reception.filters.edit.disclaimer import DisclaimerFilter
from mailhost.reception.filters.edit.header import HeaderFilter, SubjectFilter
from mailhost.reception.filters.edit.rewrite import RewriteFilter
from mailhost.reception.filters.edit.strip import StripFilter
from mailhost.reception.filters.whole_messages import WholeMessages
from tests.fakes import envelope, now, path
from tests.queue.fakes import here
from tests.reception.filters.mails import CLIENT, message

SIMPLE = "From: a@b.example\nSubject: hello\nX-Old: 1\nx-old:\n 2\n\n.body\n"


def attached(body: bytes, encoding: str) -> bytes:
    """A message that is attached to another."""
    head = b'Content-Type: multipart/mixed; boundary="out"\r\n\r\n--out\r\n\r\nsee\r\n--out\r\n'
    kind = b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: "
    return head + kind + encoding.encode() + b"\r\n\r\n" + body + b"\r\n--out--\r\n"


def with_files(**files: bytes) -> bytes:
    """A message with attachments, `_` for `.` in their names."""
    mail = EmailMessage(policy.SMTP)
    mail["Subject"] = "files"
    mail.set_content("see below\n")
    for name, octets in files.items():
        mail.add_attachment(
            octets, maintype="application", subtype="octet-stream", filename=name.replace("_", ".")
        )
    return mail.as_bytes()


class EditCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.whole_messages = WholeMessages(self.mktemp(), 1 << 20, here)

    def edited(self, filter: IFilter, mail: Mail) -> bytes:
        """The content after an edit."""
        verdict: Any = now(filter.look(mail))
        self.assertIs(verdict.decision, Decision.EDIT)
        self.assertTrue(verdict.reason)
        content: bytes = verdict.mail.content.read()
        return content


class HeaderTests(EditCase):
    """Fields and subjects."""

    def header(self, **settings: Any) -> HeaderFilter:
        return HeaderFilter(Header(kind="header", **settings), self.whole_messages)

    def test_fields_are_removed_replaced_added(self) -> None:
        filter = self.header(remove=("x-OLD",), replace={"Subject": "neu: ü"}, add={"X-New": "1"})
        content = self.edited(filter, message(SIMPLE))
        self.assertEqual(
            content,
            b"X-New: 1\r\nFrom: a@b.example\r\nSubject: neu: =?utf-8?b?w7w=?=\r\n\r\n.body\r\n",
        )

    def test_nothing_to_do_passes(self) -> None:
        self.assertIs(now(self.header(remove=("X-Not",)).look(message(SIMPLE))), PASS)

    def test_a_subject_is_tagged_once(self) -> None:
        filter = SubjectFilter(Subject(kind="subject", prefix="[EXTERN]"), self.whole_messages)
        content = self.edited(filter, message(SIMPLE))
        self.assertIn(b"\r\nSubject: [EXTERN] hello\r\n", content)
        self.assertIs(now(filter.look(message(content))), PASS)


class StripTests(EditCase):
    """Attachments."""

    def strip(self, **settings: Any) -> StripFilter:
        return StripFilter(Strip(kind="strip", **settings), self.whole_messages)

    def test_a_name_is_taken_out_and_the_rest_stays(self) -> None:
        before = with_files(a_exe=b"MZ123", b_txt=b"keep me")
        content = self.edited(self.strip(names=("*.EXE",)), message(before))
        parsed = message_from_bytes(content, policy=policy.default)
        first, gone, kept = parsed.iter_parts()
        self.assertEqual(first.get_content().strip(), "see below")
        self.assertIn("The attachment a.exe was removed here", gone.get_content())
        self.assertEqual(kept.get_content(), b"keep me")
        self.assertNotIn(b"MZ123", content)

    def test_what_it_is_counts_whatever_it_is_called(self) -> None:
        before = with_files(holiday_jpg=b"MZ123")
        self.assertIs(now(self.strip(types=("elf",)).look(message(before))), PASS)
        content = self.edited(self.strip(types=("exe",)), message(before))
        self.assertIn(b"The attachment holiday.jpg was removed here", content)

    def test_names_in_archives_count(self) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("deep/down/Virus.exe", b"x")
        before = with_files(papers_zip=packed.getvalue())
        verdict: Any = now(self.strip(names=("*.exe",)).look(message(before)))
        self.assertIn("'deep/down/Virus.exe' in the attachment 'papers.zip'", verdict.reason)
        outside = self.strip(names=("*.exe",), look_inside=False)
        self.assertIs(now(outside.look(message(before))), PASS)

    def test_a_broken_archive_is_none(self) -> None:
        before = with_files(papers_zip=b"PK\x03\x04 broken")
        self.assertIs(now(self.strip(names=("*.exe",)).look(message(before))), PASS)

    def test_more_parts_than_can_be_looked_at(self) -> None:
        mail = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\nx\r\n" * 10_001
        looking = self.strip(names=("*.exe",)).look(message(mail))
        failure = self.failureResultOf(Deferred.fromCoroutine(looking), FilterFailed)
        self.assertIn("more parts than can be examined", str(failure.value))

    def test_inside_of_an_attached_message_and_the_message_itself(self) -> None:
        mail = attached(with_files(a_exe=b"MZ123", b_txt=b"keep me"), "7bit")
        content = self.edited(self.strip(names=("*.exe",)), message(mail))
        self.assertIn(b"The attachment a.exe was removed here", content)
        self.assertIn(encodebytes(b"keep me").strip(), content)
        content = self.edited(self.strip(names=("*.exe",), types=("message/*",)), message(mail))
        self.assertIn(b"The attachment message/rfc822 was removed here", content)
        self.assertNotIn(b"a.exe", content)

    def test_it_can_be_renamed(self) -> None:
        before = with_files(a_exe=b"MZ123")
        content = self.edited(self.strip(names=("*.exe",), rename=True), message(before))
        parsed = message_from_bytes(content, policy=policy.default)
        _, renamed = parsed.iter_parts()
        self.assertEqual(renamed.get_filename(), "a.exe.blocked")
        self.assertEqual(renamed.get_content(), b"MZ123")


class DisclaimerTests(EditCase):
    """Words in every text."""

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

    def test_signed_mail_is_left_alone_and_that_is_said(self) -> None:
        mail = 'Content-Type: multipart/signed; boundary="b"\n\n--b\n\nx\n--b\n\ny\n--b--\n'
        verdict = now(self.disclaimer(text="x").look(message(mail)))
        self.assertIs(verdict.decision, Decision.PASS)
        self.assertIn("left as it is: ", verdict.reason)


class RewriteTests(SynchronousTestCase):
    """Envelopes."""

    def setUp(self) -> None:
        self.filter = RewriteFilter(
            Rewrite(
                kind="rewrite",
                senders={"*@in.example": "*@out.example", "boss@in.example": "b@x.example"},
                recipients={"Info@a.example": "ann@a.example"},
            )
        )

    def sender(self, text: str) -> str:
        """What a sender becomes."""
        mail = Mail(Stage.SENDER, CLIENT, envelope(sender=text))
        verdict = self.filter.look(mail)
        return str((verdict.mail or mail).envelope.reverse_path or "<>")

    def test_senders(self) -> None:
        self.assertEqual(self.sender("ann@in.example"), "ann@out.example")
        self.assertEqual(self.sender("BOSS@in.example"), "b@x.example")
        self.assertEqual(self.sender("ann@else.example"), "ann@else.example")
        self.assertEqual(self.sender(""), "<>")

    def test_a_recipient_keeps_what_the_sender_wrote(self) -> None:
        mail = Mail(Stage.RECIPIENT, CLIENT, envelope(), path("info@a.example"))
        verdict = self.filter.look(mail)
        assert verdict.mail is not None and verdict.mail.recipient is not None
        self.assertEqual(str(verdict.mail.recipient.address), "ann@a.example")
        self.assertEqual(verdict.mail.recipient.original, "rfc822;info@a.example")
        other = Mail(Stage.RECIPIENT, CLIENT, envelope(), path("bob@a.example"))
        self.assertIs(self.filter.look(other), PASS)
