"""Errors of the disk: each becomes a Status, and no change is half done."""

from __future__ import annotations

import errno
import os

from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.store import DELIVERED, IMailbox
from mailhost.message.content import Content, content_of_file
from mailhost.message.status import Status
from mailhost.store import mailboxes
from mailhost.store.mailboxes import MailStore
from tests.durable.fake_disk import Crash, FakeDisk
from tests.fakes import now
from tests.store.boxes import ANN, NOW, Commits, StoreCase, failure_of, here

MAIL = "/data/mail"
NEW = f"{MAIL}/a.example/ann/new/"
CONTENT = Content((b"who", b"le"))
STORAGE = (452, "4.3.1")
UNREADABLE = (451, "4.2.0")
BROKEN = (451, "4.3.0")
ANSWERS = {
    errno.ENOSPC: STORAGE,
    errno.EDQUOT: STORAGE,
    errno.EACCES: UNREADABLE,
    errno.EPERM: UNREADABLE,
    errno.EROFS: UNREADABLE,
    errno.ENOTDIR: UNREADABLE,
    errno.EIO: BROKEN,
    errno.EMFILE: BROKEN,
    errno.ENFILE: BROKEN,
    errno.EFBIG: BROKEN,
    errno.ESTALE: BROKEN,
    errno.ENAMETOOLONG: BROKEN,
}


def inbox_on(disk: FakeDisk) -> IMailbox:
    """Ann's inbox on such a disk."""
    return MailStore(MAIL, "mx", Commits(disk), here, now=lambda: NOW).inbox(ANN)


def deliver(disk: FakeDisk) -> Status:
    """Deliver `whole`."""
    return now(inbox_on(disk).deliver([CONTENT]))


def calls() -> int:
    """How many calls a good delivery to a mailbox that is not there yet makes."""
    disk = FakeDisk("/data")
    assert deliver(disk) == DELIVERED
    return len(disk.calls)


def startup(status: Status) -> tuple[int, str]:
    """The codes of a Status."""
    return status.code, status.enhanced


class PromiseTests(SynchronousTestCase):
    """A message that was answered 250 is safe, and a name in new/ has all of its message."""

    def test_delivered_is_on_the_disk(self) -> None:
        disk = FakeDisk("/data")
        self.assertEqual(deliver(disk), DELIVERED)
        (path,) = disk.after_crash()
        self.assertTrue(path.startswith(NEW) and path.endswith(",S=5,W=5"))
        self.assertEqual(disk.after_crash(), {path: b"whole"})

    def test_the_name_comes_after_the_bytes_are_safe(self) -> None:
        disk = FakeDisk("/data")
        deliver(disk)
        kinds = [call.split()[0] for call in disk.calls]
        self.assertLess(kinds.index("sync"), kinds.index("rename"))
        self.assertLess(kinds.index("rename"), kinds.index("sync_folder"))

    def test_whenever_the_process_dies_no_name_has_less_than_its_message(self) -> None:
        for number in range(calls()):
            disk = FakeDisk("/data")
            disk.crash_at = number
            failure_of(inbox_on(disk).deliver([CONTENT]), Crash)
            for files in (disk.after_crash(), disk.after_lucky_crash()):
                self.assertLessEqual(
                    {data for path, data in files.items() if path.startswith(NEW)}, {b"whole"}
                )

    def test_whatever_call_fails_it_is_refused_or_safe(self) -> None:
        for number in range(calls()):
            disk = FakeDisk("/data")
            disk.fail_at = number
            status = deliver(disk)
            if status == DELIVERED:
                self.assertEqual(list(disk.after_crash().values()), [b"whole"])
            else:
                self.assertTrue(status.temporary)
                self.assertEqual([path for path in disk.files() if path.startswith(NEW)], [])


class StatusTests(SynchronousTestCase):
    def test_every_error_has_its_answer(self) -> None:
        for number, expected in ANSWERS.items():
            disk = FakeDisk("/data")
            disk.fail_at, disk.error = 0, OSError(number, os.strerror(number), NEW)
            status = deliver(disk)
            self.assertEqual(startup(status), expected, errno.errorcode[number])
            self.assertIn(os.strerror(number), status.cause)
            self.assertNotIn("data", status.text)

    def test_an_error_without_a_number(self) -> None:
        disk = FakeDisk("/data")
        disk.fail_at, disk.error = 0, OSError("something")
        self.assertEqual(startup(deliver(disk)), BROKEN)

    def test_a_message_file_that_is_too_short(self) -> None:
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b"whole")
        content = content_of_file(path)
        os.truncate(path, 2)
        disk = FakeDisk("/data")
        self.assertEqual(startup(now(inbox_on(disk).deliver([content]))), BROKEN)
        self.assertEqual(disk.files(), {})


class RealFolderTests(StoreCase):
    def test_a_maildir_that_is_no_folder(self) -> None:
        os.makedirs(os.path.dirname(self.path))
        with open(self.path, "wb"):
            pass
        self.assertEqual(startup(self.deliver(b"x")), UNREADABLE)
        failure_of(self.box.messages(), NotADirectoryError)

    def test_an_account_that_cannot_be_counted(self) -> None:
        for number, expected in ANSWERS.items():
            self.patch(mailboxes, "usage", self.failing(number))
            status = self.deliver(b"x", quota=100)
            self.assertEqual(startup(status), expected, errno.errorcode[number])
        self.assertEqual(self.files("new", "tmp"), [])

    def failing(self, number: int) -> object:
        """A count that fails."""

        def count(path: str) -> int:
            raise OSError(number, os.strerror(number), path)

        return count
