"""Filters that block by what is in a message: attachments and expressions."""

from __future__ import annotations

import io
import zipfile
from base64 import encodebytes
from time import monotonic
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.filters.block import Attachment, Match
from mailhost.interfaces import FilterFailed
from mailhost.message.verdict import PASS, Decision, Verdict
from mailhost.reception.filters.attached import MOST_INSIDE
from mailhost.reception.filters.block.attachment import Attached
from mailhost.reception.filters.block.match import Matching
from mailhost.reception.filters.workbench import Workbench
from tests.fakes import now
from tests.queue.fakes import here
from tests.reception.filters.mails import message
from tests.reception.filters.test_edit import attached, with_files
from tests.reception.filters.test_workbench import Threads


def named(name: str) -> bytes:
    """A message with a file of this name."""
    disposition = f'Content-Disposition: attachment; filename="{name}"'
    return f"Content-Type: application/x\r\n{disposition}\r\n\r\nx\r\n".encode()


class AttachmentTests(SynchronousTestCase):
    """Attachments by name and type."""

    def look(self, mail: bytes, **settings: Any) -> Verdict:
        chosen = Attachment(kind="attachment", **settings)
        found: Verdict = now(Attached(chosen, Workbench("/", 0, here)).look(message(mail)))
        return found

    def test_a_name_is_refused_with_words_that_help(self) -> None:
        verdict = self.look(with_files(a_Scr=b"x"), names=("*.exe", "*.scr"))
        assert verdict.status is not None
        self.assertEqual(
            str(verdict.status),
            "550 5.7.1 The message has the attachment 'a.Scr', which is not allowed",
        )

    def test_types_and_what_is_let_through(self) -> None:
        mail = with_files(a_bin=b"\x7fELF...")
        self.assertIs(self.look(mail, types=("image/*",)), PASS)
        for kind in ("application/octet-*", "elf"):
            self.assertIs(self.look(mail, types=(kind,)).decision, Decision.REJECT)
        self.assertIs(self.look(b"Subject: x\r\n\r\nno.exe\r\n", names=("*",)), PASS)

    def test_a_name_that_windows_opens_all_the_same(self) -> None:
        for name in ("a.exe.", "a.exe ", "a.exe . .", "A.EXE"):
            self.assertTrue(self.look(named(name), names=("*.exe",)).reason, name)
        self.assertIs(self.look(named("a.exe.txt"), names=("*.exe",)), PASS)

    def test_inside_of_attached_messages(self) -> None:
        inner = with_files(a_exe=b"MZ")
        for encoding, body in (
            ("7bit", inner),
            ("base64", encodebytes(inner)),
            ("base64", encodebytes(attached(encodebytes(inner), "base64"))),
        ):
            mail = attached(body, encoding)
            for settings in ({"names": ("*.exe",)}, {"types": ("exe",)}):
                verdict = self.look(mail, **settings)
                self.assertIn("attach", verdict.reason, (encoding, settings))
                self.assertIs(self.look(mail, **settings, look_inside=False), PASS)
            self.assertIn("message/rfc822", self.look(mail, types=("message/*",)).reason)
            self.assertIs(self.look(mail, names=("*.scr",)), PASS)

    def test_messages_in_messages_without_end(self) -> None:
        mail = with_files(a_txt=b"x")
        for _ in range(8):
            mail = attached(encodebytes(mail), "base64")
        self.assertIn("more parts", self.look(mail, names=("*.exe",)).reason)

    def test_archives_that_others_open(self) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("deep\\Virus.exe", b"x")
            archive.writestr("käse.exe.", b"x")
        octets = packed.getvalue()
        newer = octets.replace(b"PK\x01\x02\x14\x03\x14", b"PK\x01\x02\x14\x03\xff")
        for one in (octets, newer, octets[:-10], octets + b"!" * 70_000):
            verdict = self.look(with_files(a_zip=one), names=("*.exe",))
            self.assertIn("Virus.exe' in the attachment 'a.zip'", verdict.reason)
            self.assertTrue(self.look(with_files(a_zip=one), names=("k*.exe",)).reason)
            self.assertIs(self.look(with_files(a_zip=one), names=("*.scr",)), PASS)

    def test_an_archive_of_very_many_files(self) -> None:
        """What cannot be looked at in time, and in little memory, is not let in unseen."""
        for length in (b"\1\0", b"\xff\xff"):
            header = b"PK\x01\x02" + b"\0" * 24 + length + b"\0" * 16 + b"a"
            packed = b"PK\x03\x04" + b"\0" * 26 + header * (MOST_INSIDE // 2)
            mail = with_files(a_zip=packed, b_zip=packed)
            begun = monotonic()
            self.assertIn("more parts", self.look(mail, names=("*.exe",)).reason)
            self.assertLess(monotonic() - begun, 10)
            mail = with_files(a_zip=packed)
            self.assertIs(self.look(mail, names=("*.exe",)), PASS)
        long = b"PK\x03\x04" + b"\0" * 22 + b"\x00\x10\0\0" + b"x" * 4092 + b".exe"
        self.assertIn("xx.exe", self.look(with_files(a_zip=long), names=("*.exe",)).reason)

    def test_more_parts_than_can_be_looked_at(self) -> None:
        """One that hides behind ten thousand others is not let in."""
        head = b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
        verdict = self.look(head + b"--b\r\n\r\nx\r\n" * 10_001, names=("*.exe",))
        self.assertIn("more parts than can be looked at", verdict.reason)
        lines = head + b"--b\r\n\r\n" + b"--\n" * 500_001
        self.assertIn("more parts", self.look(lines, names=("*.exe",)).reason)


class MatchTests(SynchronousTestCase):
    """Expressions."""

    def look(self, text: str, **settings: Any) -> Verdict:
        chosen = Match(kind="match", **settings)
        found: Verdict = now(Matching(chosen, Workbench("/", 0, here)).look(message(text)))
        return found

    def test_a_field_is_matched_as_people_read_it(self) -> None:
        mail = "Subject: =?utf-8?q?L=C3=B6ttery?=\n\nhello\n"
        verdict = self.look(mail, part="subject", pattern="(?i)^LÖTT")
        self.assertIn("subject has 'Lött'", verdict.reason)
        self.assertIs(self.look(mail, part="From", pattern="."), PASS)

    def test_the_header_has_a_field_a_line(self) -> None:
        mail = "From: a\nX-Mailer: The\n Bat\n\nX-Spam: yes\n"
        self.assertIs(self.look(mail, pattern="^X-Mailer: The Bat$").decision, Decision.REJECT)
        self.assertIs(self.look(mail, pattern="X-Spam"), PASS)

    def test_bodies_are_decoded(self) -> None:
        mail = (
            "Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: "
            "quoted-printable\n\nsch=F6n=\n es\n"
        )
        self.assertIs(self.look(mail, part="body", pattern="schön es").decision, Decision.REJECT)

    def test_time_runs_out(self) -> None:
        mail = "Subject: x\n\n" + "a" * 5000 + "b\n"
        slow = Match(kind="match", part="body", pattern="(a|aa)+$", time_limit=0.01)
        looking = Matching(slow, Workbench("/", 0, here)).look(message(mail))
        failure = self.failureResultOf(Deferred.fromCoroutine(looking), FilterFailed)
        self.assertIn("longer than 0.01 seconds", str(failure.value))

    def test_what_takes_long_keeps_nobody_else_waiting(self) -> None:
        """A small message is looked at in the reactor's thread, but not for a second."""
        threads = Threads()
        slow = Match(kind="match", part="body", pattern="(a|aa)+$", time_limit=0.5)
        filter = Matching(slow, Workbench("/", 0, threads))
        begun = monotonic()
        looking = Deferred.fromCoroutine(filter.look(message("\n" + "a" * 5000 + "b\n")))
        self.assertLess(monotonic() - begun, 0.4)
        self.assertEqual(len(threads.waiting), 1)
        self.assertNoResult(looking)

    def test_all_texts_together_have_that_time(self) -> None:
        """A message may have thousands, each of which takes almost as long as is allowed."""
        part = "--b\n\n" + "a" * 22 + "b\n"
        head = 'Content-Type: multipart/mixed; boundary="b"\n\n'
        self.failed(head + part * 40, "longer than 0.2 seconds", part="body")
        field = "X: " + "a" * 22 + "b\n"
        self.failed(field * 40 + "\n", "longer than 0.2 seconds", part="X")

    def test_what_cannot_be_looked_at_is_not_let_through_unseen(self) -> None:
        head = 'Content-Type: multipart/mixed; boundary="b"\n\n'
        self.failed(head + "--b\n\nx\n" * 10_001, "more parts", part="body")
        self.failed("X: x\n" * 200_000 + "Subject: z\n\n", "header", part="Subject")

    def failed(self, text: str, words: str, **settings: Any) -> None:
        """The filter could not tell."""
        slow = Match(kind="match", pattern="(a|aa)+$", time_limit=0.2, **settings)
        looking = Matching(slow, Workbench("/", 0, here)).look(message(text))
        failure = self.failureResultOf(Deferred.fromCoroutine(looking), FilterFailed)
        self.assertIn(words, str(failure.value))
