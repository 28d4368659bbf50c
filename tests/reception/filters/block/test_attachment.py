"""Mail with attachments that are not allowed is refused."""

from __future__ import annotations

from mailhost.interfaces.verdict import PASS, Decision
from tests.reception.filters.attachment_case import AttachmentCase
from tests.reception.filters.attachments import with_files


class AttachmentTests(AttachmentCase):
    def test_the_reply_has_the_name(self) -> None:
        verdict = self.look(with_files(a_Scr=b"x"), names=("*.exe", "*.scr"))
        assert verdict.status is not None
        self.assertEqual(
            str(verdict.status),
            "550 5.7.1 The message has the attachment 'a.Scr', which is not allowed",
        )

    def test_types_and_mail_that_passes(self) -> None:
        mail = with_files(a_bin=b"\x7fELF...")
        self.assertIs(self.look(mail, types=("image/*",)), PASS)
        for kind in ("application/octet-*", "elf"):
            self.assertIs(self.look(mail, types=(kind,)).decision, Decision.REJECT)
        self.assertIs(self.look(b"Subject: x\r\n\r\nno.exe\r\n", names=("*",)), PASS)

    def test_more_parts_than_can_be_examined(self) -> None:
        """An attachment could be hidden behind ten thousand parts."""
        head = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
        verdict = self.look(head + b"--b\r\n\r\nx\r\n" * 10_001, names=("*.exe",))
        self.assertIn("more parts than can be examined", verdict.reason)
        lines = head + b"--b\r\n\r\n" + b"--\n" * 500_001
        self.assertIn("more parts", self.look(lines, names=("*.exe",)).reason)
