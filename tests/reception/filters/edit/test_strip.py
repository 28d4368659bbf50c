"""Attachments are removed or renamed."""

from __future__ import annotations

import io
import zipfile
from base64 import encodebytes
from email import message_from_bytes, policy
from typing import Any

from twisted.internet.defer import Deferred

from mailhost.config.filters.edit import Strip
from mailhost.interfaces.filters import FilterFailed
from mailhost.interfaces.verdict import PASS
from mailhost.reception.filters.edit.strip import StripFilter
from tests.fakes import now
from tests.reception.filters.attachments import with_files, with_message
from tests.reception.filters.edit.editing import EditCase
from tests.reception.filters.mails import message


class StripTests(EditCase):
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

    def test_the_kind_counts_whatever_the_name(self) -> None:
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

    def test_more_parts_than_can_be_examined(self) -> None:
        mail = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\nx\r\n" * 10_001
        looking = self.strip(names=("*.exe",)).look(message(mail))
        failure = self.failureResultOf(Deferred.fromCoroutine(looking), FilterFailed)
        self.assertIn("more parts than can be examined", str(failure.value))

    def test_inside_of_an_attached_message_and_the_message_itself(self) -> None:
        mail = with_message(with_files(a_exe=b"MZ123", b_txt=b"keep me"), "7bit")
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
