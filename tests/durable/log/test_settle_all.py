"""A request to settle all files is answered while new ones come all the time."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.log.writer_log import WriterLog
from mailhost.interfaces.changes import NewFile
from mailhost.message.content import Content
from tests.durable.log.forgetful_disk import ForgetfulDisk
from tests.durable.log.world import DATA, SEGMENT, Later

INBOX = f"{DATA}/mail/a/ann"


class SettleAllTests(SynchronousTestCase):
    def setUp(self) -> None:
        random = Random(1)
        disk = ForgetfulDisk(random, f"{INBOX}/new", f"{INBOX}/tmp", f"{INBOX}/cur")
        self.later = Later(random)
        self.log = WriterLog(disk, DATA, set(), self.later, self.fail, lambda: 0.0, SEGMENT)
        self.log.turn()
        self.log.end()
        self.answers: list[OSError | None] = []

    def deliver(self, name: str) -> None:
        change = NewFile(f"{INBOX}/tmp/{name}", f"{INBOX}/new/{name}", (Content((b"octets",)),))
        self.assertEqual([None], self.log.run([change]))

    def settle(self) -> None:
        self.log.settle((), self.answers.append)

    def test_by_a_checkpoint_that_began_after_it(self) -> None:
        self.deliver("one")
        self.settle()
        self.deliver("two")
        self.log.end()
        self.assertEqual([None], self.answers)

    def test_not_by_one_that_was_under_way(self) -> None:
        self.deliver("one")
        self.settle()
        self.deliver("two")
        self.settle()
        self.deliver("three")
        self.log.end()
        self.assertEqual([None], self.answers)
        self.assertTrue(self.later.busy)
        self.deliver("four")
        self.log.end()
        self.assertEqual([None, None], self.answers)
