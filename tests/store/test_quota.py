"""Quotas: what is counted, when it is counted anew, and that no space is promised twice."""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable, Sequence

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailhost.concurrency.answers import result_of
from mailhost.durable.batch import Batch
from mailhost.interfaces.changes import Change
from mailhost.interfaces.store import DELIVERED, OVER_QUOTA, ICommitter, IUsages
from mailhost.message.content import Content
from mailhost.message.status import Status
from mailhost.store import mailboxes
from mailhost.store.mailboxes import MailStore
from mailhost.store.quota import LIFETIME, RECENT, Usages, quotas_of
from tests.fakes import FakeDirectory, address, domain, now, view_of
from tests.store.boxes import ANN, NOW, Commits, RealDisk, StoreCase, here

PATH = "/mail/a.example/ann"


class UsagesCase(SynchronousTestCase):
    """`on_disk` is what a count finds."""

    def setUp(self) -> None:
        self.seconds = 0.0
        self.on_disk = 0
        self.counts = 0
        self.slow: list[Deferred[int]] | None = None
        self.usages = Usages(self.count, lambda: self.seconds)

    async def count(self, path: str) -> int:
        """Count the disk; where `slow` is a list, once its Deferred fires."""
        self.counts += 1
        if self.slow is not None:
            self.slow.append(Deferred())
            return await self.slow[-1]
        return self.on_disk

    def start(self, size: int) -> Deferred[bool]:
        """Ask for room, of 100 octets in all."""
        return Deferred.fromCoroutine(self.usages.reserve(PATH, size, 100))

    def reserve(self, size: int) -> bool:
        """The answer to that."""
        return self.successResultOf(self.start(size))

    def write(self, size: int) -> bool:
        """Reserve, write and release."""
        fits = self.reserve(size)
        if fits:
            self.on_disk += size
            self.usages.release(PATH, size)
        return fits


class UsagesTests(UsagesCase):
    def test_up_to_the_last_octet(self) -> None:
        self.assertTrue(self.write(60))
        self.assertFalse(self.write(41))
        self.assertTrue(self.write(40))
        self.assertFalse(self.write(1))
        self.assertTrue(self.write(0))

    def test_what_was_there_counts(self) -> None:
        self.on_disk = 90
        self.assertFalse(self.write(11))
        self.assertTrue(self.write(10))

    def test_accounts_have_their_own(self) -> None:
        self.assertTrue(self.write(100))
        self.on_disk = 0
        self.assertTrue(now(self.usages.reserve("/mail/a.example/bob", 100, 100)))

    def test_counted_once_while_there_is_room(self) -> None:
        for _ in range(10):
            self.assertTrue(self.write(10))
        self.assertEqual(self.counts, 1)

    def test_counted_anew_after_a_while(self) -> None:
        self.write(10)
        self.on_disk = 95  # another tool put it there
        self.seconds += LIFETIME
        self.assertTrue(self.write(5))
        self.assertEqual(self.counts, 1)
        self.seconds += 1
        self.assertFalse(self.write(1))

    def test_counted_anew_before_anybody_is_refused(self) -> None:
        self.assertTrue(self.write(100))
        self.on_disk = 20  # another tool removed the rest
        self.assertTrue(self.write(80))

    def test_what_could_not_be_written_takes_no_room(self) -> None:
        self.assertTrue(self.reserve(100))
        self.usages.release(PATH, 100)
        self.assertTrue(self.write(100))

    def test_a_smaller_quota_holds_at_once(self) -> None:
        self.write(50)
        self.assertFalse(now(self.usages.reserve(PATH, 1, 50)))

    def test_a_count_that_fails(self) -> None:
        self.slow = []
        asked = self.start(10)
        self.slow[0].errback(OSError(errno.EIO, "broken"))
        self.failureResultOf(asked, OSError)
        self.slow = None
        self.on_disk = 100
        self.assertFalse(self.write(1))


class LeftTests(UsagesCase):
    """The octets that are left, without a reservation."""

    def left(self, size: int) -> int:
        """The room that is left of 100 octets, where `size` is wanted."""
        found: int = now(self.usages.left(PATH, size, 100))
        return found

    def test_it_is_counted_once_while_there_is_room(self) -> None:
        self.on_disk = 60
        for size in (0, 40):
            self.assertEqual(self.left(size), 40)
        self.assertTrue(self.write(30))
        self.assertEqual((self.left(10), self.counts), (10, 1))
        self.seconds += LIFETIME + 1
        self.assertEqual((self.left(10), self.counts), (10, 2))

    def test_it_is_counted_seldom_where_there_is_none(self) -> None:
        self.on_disk = 100
        for _ in range(1000):
            self.assertEqual(self.left(1), 0)
        self.assertEqual(self.counts, 1)
        self.on_disk = 0  # somebody reads mail
        self.seconds += RECENT
        self.assertEqual((self.left(1), self.counts), (100, 2))

    def test_what_is_being_written_counts(self) -> None:
        self.assertTrue(self.reserve(60))
        self.seconds += RECENT
        self.assertEqual(self.left(1), 40)

    def test_one_count_is_enough_for_all_calls_meanwhile(self) -> None:
        self.slow = []
        asking = Deferred.fromCoroutine(result_of(self.usages.left(PATH, 1, 100)))
        self.assertNoResult(asking)
        self.assertEqual((self.left(1), self.counts), (100, 1))
        self.slow[0].callback(70)
        self.assertEqual(self.successResultOf(asking), 30)
        self.assertEqual((self.left(1), self.counts), (30, 1))


class RemovedTests(UsagesCase):
    """Removed messages make room without another count."""

    def removed(self, size: int) -> None:
        """Remove so many octets from the disk."""
        self.on_disk -= size
        self.usages.removed(PATH, size)

    def test_it_makes_room_without_a_count(self) -> None:
        self.write(60)
        self.write(40)
        self.removed(60)
        self.assertTrue(self.write(60))
        self.assertEqual(self.counts, 1)
        self.assertFalse(self.write(1))

    def test_an_account_that_was_never_counted(self) -> None:
        self.on_disk = 100
        self.removed(30)
        self.assertTrue(self.write(30))
        self.assertFalse(self.write(1))

    def test_mail_that_was_not_counted_makes_no_more_room_than_the_quota(self) -> None:
        self.write(20)
        self.on_disk += 50  # another program put it there
        self.removed(50)
        self.assertEqual(now(self.usages.left(PATH, 1, 100)), 100)
        self.seconds += LIFETIME + 1
        self.assertFalse(self.write(81))
        self.assertTrue(self.write(80))

    def test_what_is_being_written_stays_counted(self) -> None:
        self.assertTrue(self.reserve(60))
        self.on_disk += 30  # another program put it there
        self.removed(30)
        self.on_disk = 0  # the message is not written yet
        self.assertFalse(self.reserve(41))
        self.assertTrue(self.reserve(40))

    def test_a_removal_during_a_count_makes_no_room_twice(self) -> None:
        self.write(100)
        self.slow = []
        asked = self.start(60)
        self.removed(50)
        self.slow[0].callback(50)  # the count came after the removal
        self.assertFalse(self.successResultOf(asked))


class AtOnceTests(UsagesCase):
    """Several at once: what is being written is on no disk yet, and counts all the same."""

    def test_two_at_once_where_nothing_was_counted(self) -> None:
        self.slow = []
        first, second = self.start(60), self.start(60)
        for count in self.slow:
            count.callback(0)
        results = [self.successResultOf(first), self.successResultOf(second)]
        self.assertEqual(sorted(results), [False, True])

    def test_a_count_does_not_forget_what_is_being_written(self) -> None:
        self.write(50)
        self.assertTrue(self.reserve(40))
        self.assertFalse(self.reserve(40))
        self.on_disk += 40
        self.usages.release(PATH, 40)
        self.assertTrue(self.write(10))
        self.assertFalse(self.write(1))

    def test_what_is_granted_during_a_count_counts(self) -> None:
        self.write(50)
        self.slow = []
        too_much = self.start(60)
        self.assertTrue(self.reserve(40))
        self.slow[0].callback(50)
        self.assertFalse(self.successResultOf(too_much))
        self.slow = None
        self.assertFalse(self.reserve(20))

    def test_in_doubt_a_message_counts_twice_until_the_next_count(self) -> None:
        self.assertTrue(self.reserve(40))
        self.slow = []
        asked = self.start(70)
        self.usages.release(PATH, 40)  # written during the count: was it seen?
        self.slow[0].callback(40)
        self.assertFalse(self.successResultOf(asked))
        self.slow, self.on_disk = None, 40
        self.assertTrue(self.write(60))

    def test_a_count_that_missed_a_message_written_during_it(self) -> None:
        self.assertTrue(self.reserve(40))
        self.slow = []
        asked = self.start(70)
        self.usages.release(PATH, 40)
        self.slow[0].callback(0)  # the count had passed the folder already
        self.assertFalse(self.successResultOf(asked))

    def test_counts_that_overtake_one_another(self) -> None:
        self.slow = []
        first, second = self.start(30), self.start(30)
        early, late = self.slow
        late.callback(40)
        self.assertTrue(self.successResultOf(second))
        early.callback(40)
        self.assertTrue(self.successResultOf(first))
        self.slow, self.on_disk = None, 40  # neither is written yet
        self.assertFalse(self.reserve(1))

    def test_a_process_that_died_writing_takes_no_room_for_ever(self) -> None:
        self.assertTrue(self.reserve(100))
        self.assertFalse(self.reserve(100))
        self.seconds += LIFETIME + 1
        self.assertTrue(self.reserve(100))

    def test_releasing_what_is_not_known_does_nothing(self) -> None:
        self.usages.release(PATH, 50)
        self.write(100)
        self.usages.release(PATH, 50)
        self.assertFalse(self.write(1))


@implementer(ICommitter)
class Held:
    """Commits when `go` is called."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Sequence[Change], Deferred[Sequence[OSError | None]]]] = []

    def commit(self, changes: Sequence[Change]) -> Awaitable[Sequence[OSError | None]]:
        done: Deferred[Sequence[OSError | None]] = Deferred()
        self._waiting.append((changes, done))
        return done

    def go(self) -> None:
        """Commit all that waits."""
        waiting, self._waiting = self._waiting, []
        for changes, done in waiting:
            done.callback(Batch(RealDisk(), changes, set()).run())


class QuotaOfTests(SynchronousTestCase):
    def test_the_newest_view_of_the_directory_has_it(self) -> None:
        directory = FakeDirectory(
            view_of(domain("a.example", "ann", quota=100), x_example="a.example")
        )
        quota_of = quotas_of(directory)
        self.assertEqual([quota_of(ANN), quota_of(address("ann@x.example"))], [100, 100])
        self.assertIsNone(quota_of(address("bob@a.example")))
        directory.view = view_of(domain("a.example", "ann", quota=200))
        self.assertEqual(quota_of(ANN), 200)


class MailboxQuotaTests(StoreCase):
    def test_refused_with_nothing_written(self) -> None:
        self.assertEqual(self.deliver(b"x" * 60, quota=100), DELIVERED)
        status: Status = self.deliver(b"x" * 41, quota=100)
        self.assertEqual((status.code, status.enhanced), (452, "4.2.2"))
        self.assertEqual(status.text, OVER_QUOTA.text)
        self.assertIn("quota of 100 octets", status.cause)
        self.assertEqual(len(self.files()), 1)
        self.assertEqual(self.files("tmp"), [])

    def test_without_a_quota_nothing_is_counted(self) -> None:
        self.patch(mailboxes, "usage", lambda path: self.fail(f"{path} was counted"))
        self.assertEqual(self.deliver(b"x" * 200), DELIVERED)

    def test_all_folders_count(self) -> None:
        self.put("msg.1", b"x" * 50)
        self.put("msg.1", b"x" * 40, folder=".Junk/cur")
        self.assertEqual(self.deliver(b"x" * 11, quota=100), self.refusal())
        self.assertEqual(self.deliver(b"x" * 10, quota=100), DELIVERED)

    def refusal(self) -> Status:
        """The status of a full mailbox."""
        return OVER_QUOTA.because(f"{ANN} has a quota of 100 octets")

    def test_removing_makes_room(self) -> None:
        self.assertEqual(self.deliver(b"x" * 100, quota=100), DELIVERED)
        self.assertEqual(self.deliver(b"x", quota=100), self.refusal())
        self.assertEqual(self.remove(self.the_one()), 0)
        self.assertEqual(self.deliver(b"x" * 100, quota=100), DELIVERED)

    def test_what_could_not_be_removed_makes_none(self) -> None:
        self.assertEqual(self.deliver(b"x" * 100, quota=100), DELIVERED)

        def remove(disk: RealDisk, path: str) -> None:
            raise PermissionError(errno.EACCES, "not this one", path)

        self.patch(RealDisk, "remove", remove)
        self.assertEqual(self.remove(self.the_one()), 1)
        self.assertEqual(self.deliver(b"x", quota=100), self.refusal())

    def test_other_tools_make_room(self) -> None:
        self.assertEqual(self.deliver(b"x" * 100, quota=100), DELIVERED)
        os.unlink(self.the_one().hint)
        self.assertEqual(self.deliver(b"x" * 100, quota=100), DELIVERED)

    def test_after_a_new_start_it_is_counted_on_the_disk(self) -> None:
        self.assertEqual(self.deliver(b"x" * 60, quota=100), DELIVERED)
        self.box = self.new_store().inbox(ANN)
        self.assertEqual(self.deliver(b"x" * 41, quota=100), self.refusal())
        self.assertEqual(self.deliver(b"x" * 40, quota=100), DELIVERED)

    def test_what_other_tools_add_is_noticed_after_a_while(self) -> None:
        self.assertEqual(self.deliver(b"x" * 10, quota=100), DELIVERED)
        self.put("msg.1", b"x" * 80)
        self.seconds += LIFETIME + 1
        self.assertEqual(self.deliver(b"x" * 11, quota=100), self.refusal())

    def test_mail_that_could_not_be_written_takes_no_room(self) -> None:
        os.makedirs(self.path)
        self.put("tmp", b"a file where the folder belongs", folder="")
        self.assertEqual(self.deliver(b"x" * 100, quota=100).enhanced, "4.2.0")
        os.unlink(os.path.join(self.path, "tmp"))
        self.assertEqual(self.deliver(b"x" * 100, quota=100), DELIVERED)

    def test_messages_that_are_written_together_do_not_share_room(self) -> None:
        held = Held()
        store = MailStore(self.mail, "mx", held, here, lambda _: 100, now=lambda: NOW)
        content = [Content((b"x" * 60,))]

        async def deliver() -> int:
            return (await store.inbox(ANN).deliver(content)).code

        both = [Deferred.fromCoroutine(deliver()) for _ in range(2)]
        held.go()
        self.assertEqual([self.successResultOf(each) for each in both], [250, 452])
        self.assertEqual(len(self.files()), 1)

    def test_others_may_count(self) -> None:
        asked: list[tuple[str, str, int]] = []

        @implementer(IUsages)
        class Elsewhere:
            async def reserve(self, path: str, size: int, quota: int) -> bool:
                asked.append(("reserve", path, size))
                if size > quota:
                    raise OSError("the other process is gone")
                return True

            def release(self, path: str, size: int) -> None:
                asked.append(("release", path, size))

            def removed(self, path: str, size: int) -> None:
                asked.append(("removed", path, size))

            async def left(self, path: str, size: int, quota: int) -> int:
                if quota < 0:
                    raise OSError("the other process is gone")
                return quota

        disk = Commits(RealDisk())
        store = MailStore(self.mail, "mx", disk, here, self.quotas.get, usages=Elsewhere())
        self.assertEqual(self.deliver(b"x" * 9, quota=9, box=store.inbox(ANN)), DELIVERED)
        status: Status = self.deliver(b"x" * 9, quota=8, box=store.inbox(ANN))
        self.assertEqual((status.code, status.enhanced), (451, "4.3.0"))
        self.assertEqual(
            asked,
            [("reserve", self.path, 9), ("release", self.path, 9), ("reserve", self.path, 9)],
        )
        fits = []
        for self.quotas[ANN] in (9, 8, -1, None):
            fits.append(now(store.room(ANN, 9)))
        self.assertEqual(fits, [True, False, True, True])  # where it cannot be known delivery tells
