"""A copy of the data folder of a host that runs."""

from __future__ import annotations

import os
import shutil
from random import Random

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from mailhost.durable.log.log import why_no_log
from mailhost.durable.log.recovery import recover
from mailhost.durable.log.writer_log import WriterLog
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.changes import NewFile
from mailhost.message.content import Content
from tests.durable.log.world import Later

INBOX = "mail/a/ann"


class BackupTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.data, self.copy = os.path.abspath(self.mktemp()), os.path.abspath(self.mktemp())
        for name in ("new", "cur", "tmp"):
            os.makedirs(f"{self.data}/{INBOX}/{name}")
        self.system = OperatingSystem()
        if why_no_log(self.system, self.data):
            raise SkipTest("the file system here takes no log")
        self.log = WriterLog(
            self.system, self.data, set(), Later(Random(1)), self.fail, lambda: 0.0, 1 << 16
        )
        self.addCleanup(self.log.stop)
        self.log.turn()
        self.log.end()

    def deliver(self, name: str) -> None:
        inbox = f"{self.data}/{INBOX}"
        change = NewFile(f"{inbox}/tmp/{name}", f"{inbox}/new/{name}", (Content((b"octets",)),))
        self.assertEqual([None], self.log.run([change]))

    def restored(self) -> dict[str, bytes]:
        """The messages of the copy, after a host has started on it."""
        recover(self.system, self.copy, lambda line: None, 1 << 16)
        new = f"{self.copy}/{INBOX}/new"
        found = {}
        for name in os.listdir(new):
            with open(f"{new}/{name}", "rb") as file:
                found[name] = file.read()
        return found

    def test_mail_that_came_between_the_copies_of_mail_and_log_is_in_the_log(self) -> None:
        self.deliver("one")
        shutil.copytree(f"{self.data}/mail", f"{self.copy}/mail")
        self.deliver("two")
        shutil.copytree(f"{self.data}/log", f"{self.copy}/log")
        shutil.copy(f"{self.data}/log-id", self.copy)
        self.deliver("three")
        self.assertEqual({"one": b"octets", "two": b"octets"}, self.restored())

    def test_after_a_checkpoint_no_log_is_needed(self) -> None:
        self.deliver("one")
        self.log.settle((), lambda error: self.assertIsNone(error))
        self.log.end()
        shutil.copytree(f"{self.data}/mail", f"{self.copy}/mail")
        self.assertEqual({"one": b"octets"}, self.restored())
