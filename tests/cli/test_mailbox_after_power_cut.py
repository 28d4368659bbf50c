"""`mailhost mailbox` after a power cut, before the host has started."""

from __future__ import annotations

import os

from twisted.trial.unittest import SkipTest

from mailhost.durable.log.log import why_no_log
from mailhost.durable.log.records import Kind, NewRecord
from mailhost.durable.log.recovery import begin
from mailhost.durable.system import OperatingSystem
from tests.cli.test_mailbox import ANN, MailboxCase

TEXT = b"Subject: whole\r\n\r\n" + b"x" * 82


class AfterPowerCut(MailboxCase):
    def setUp(self) -> None:
        super().setUp()
        if why_no_log(OperatingSystem(), self.data):
            raise SkipTest("the file system here takes no log")
        self.mailbox("list")
        self.put("1.2.x", b"", "new")  # the power cut has taken its octets
        record = NewRecord(Kind.FILE, b"mail/example.com/ann/new/1.2.x", (TEXT,), 1 << 60)
        log = begin(OperatingSystem(), self.data)
        log.append([record])
        log.close()
        self.patch(OperatingSystem, "run_of", lambda system, fd: b"another run".ljust(16))

    def test_mail_is_made_whole_before_it_is_read(self) -> None:
        done = self.run_ok("mailbox", "status", ANN, "INBOX")
        self.assertIn("100", done)
        with open(os.path.join(self.maildir, "cur", "1.2.x:2,"), "rb") as file:
            self.assertEqual(TEXT, file.read())

    def test_a_log_that_cannot_be_used_is_named(self) -> None:
        os.unlink(os.path.join(self.data, "log-id"))
        self.assertIn("log-id is missing", self.run_fails("mailbox", "list", ANN))
