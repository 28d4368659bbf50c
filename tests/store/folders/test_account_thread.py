"""Operations of one account, one after another."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mailhost.interfaces.folders import FolderView, Reason, StoreRefusal
from mailhost.store.folders import tree
from mailhost.store.folders.account_thread import IDLE, AccountThread, AccountThreads
from mailhost.store.folders.account_work import CACHE, AccountWork
from mailhost.store.folders.adding import add
from mailhost.store.folders.opening import CompressedMail
from mailhost.store.folders.refresh import refreshed
from tests.fakes import now
from tests.store.folders.accounts import AccountCase, disk_of, message

T = TypeVar("T")


class Held:
    """Threads whose results are held back."""

    def __init__(self) -> None:
        self.waiting: list[Deferred[None]] = []
        self.hold = False

    def __call__(self, work: Any) -> Deferred[Any]:
        if not self.hold:
            return Deferred.fromCoroutine(_done(work))
        gate: Deferred[None] = Deferred()
        self.waiting.append(gate)
        return gate.addCallback(lambda _: work())


async def _done(work: Any) -> Any:
    return work()


def view_of(work: AccountWork) -> FolderView:
    return refreshed(work, "").view


class ThreadCase(AccountCase):
    def setUp(self) -> None:
        super().setUp()
        self.clock = Clock()
        self.held = Held()
        self.threads = AccountThreads(self.clock, self.held, most_open=2)
        self.thread = self.of(self.root)

    def of(self, root: str) -> AccountThread:
        return self.threads.of(root, disk_of(self.system, self.now))

    def done(self, operation: Callable[[AccountWork], T]) -> T:
        """Return what an operation returns that is not refused."""
        result = now(self.thread.run(operation))
        assert not isinstance(result, StoreRefusal), result
        return result

    def open_files(self) -> int:
        """How many files of the cache this process has open."""
        paths = (os.readlink(f"/proc/self/fd/{fd}") for fd in self.fds())
        return sum(path.startswith(os.path.join(self.root, CACHE)) for path in paths)

    def fds(self) -> list[str]:
        return [fd for fd in os.listdir("/proc/self/fd") if os.path.islink(f"/proc/self/fd/{fd}")]


class ClosingTests(ThreadCase):
    def test_closed_after_a_while(self) -> None:
        now(self.thread.run(view_of))
        self.assertGreater(self.open_files(), 0)
        self.clock.advance(IDLE - 1)
        now(self.thread.run(view_of))
        self.clock.advance(IDLE - 1)
        self.assertGreater(self.open_files(), 0)
        self.clock.advance(1)
        self.assertEqual(self.open_files(), 0)
        self.assertIsNot(self.of(self.root), self.thread)
        now(self.thread.run(view_of))  # who has it still can use it
        self.clock.advance(IDLE)
        self.assertEqual((self.open_files(), self.clock.getDelayedCalls()), (0, []))

    def test_not_while_operations_wait(self) -> None:
        now(self.thread.run(view_of))
        self.held.hold = True
        results = [Deferred.fromCoroutine(self.thread.run(view_of)) for _ in range(2)]
        self.clock.advance(IDLE)
        self.assertGreater(self.open_files(), 0)
        for result in results:
            self.held.waiting.pop().callback(None)
            self.assertIsInstance(self.successResultOf(result), FolderView)

    def test_one_that_comes_while_it_is_closed_waits(self) -> None:
        now(self.thread.run(view_of))
        self.held.hold = True
        self.clock.advance(IDLE)
        result = Deferred.fromCoroutine(self.thread.run(view_of))
        self.held.waiting.pop(0).callback(None)
        self.assertIs(self.of(self.root), self.thread)
        self.held.waiting.pop(0).callback(None)
        self.assertIsInstance(self.successResultOf(result), FolderView)

    def test_few_accounts_are_open(self) -> None:
        now(self.thread.run(view_of))
        for name in ("one", "two"):
            now(self.of(f"{self.root}-{name}").run(lambda work: None))
        self.assertEqual(self.open_files(), 0)

    def test_all_are_closed_at_the_end(self) -> None:
        now(self.thread.run(view_of))
        now(self.threads.close())
        self.assertEqual((self.open_files(), self.clock.getDelayedCalls()), (0, []))


class RefusalTests(ThreadCase):
    def refusal(self, error: Exception) -> StoreRefusal:
        def fail(work: AccountWork) -> None:
            raise error

        result = now(self.thread.run(fail))
        assert isinstance(result, StoreRefusal)
        return result

    def test_no_folder(self) -> None:
        result = now(self.thread.run(lambda work: refreshed(work, ".Missing")))
        assert isinstance(result, StoreRefusal)
        self.assertEqual(result.reason, Reason.NONEXISTENT)

    def test_faults_are_logged(self) -> None:
        for error, reason in (
            (OSError(errno.ENOSPC, "full"), Reason.OVER_QUOTA),
            (OSError(errno.EIO, "broken"), Reason.UNAVAILABLE),
            (CompressedMail("compressed"), Reason.CANNOT),
            (sqlite3.OperationalError("disk I/O error"), Reason.UNAVAILABLE),
        ):
            self.assertEqual(self.refusal(error).reason, reason)
        self.assertEqual(len(self.flushLoggedErrors()), 0)


class CacheTests(ThreadCase):
    """The cache in any state: UIDs are those of the UID list, and MODSEQs never go back."""

    def setUp(self) -> None:
        super().setUp()
        for number in range(3):
            add(self.work, "", [message(b"%d" % number, "\\Seen", "Work")])
        self.before = refreshed(self.work, "").view
        self.work.close()
        self.cache = Path(self.root, CACHE)

    def shown(self) -> FolderView:
        view = self.done(view_of)
        self.assertEqual(list(view.uids), list(self.before.uids))
        self.assertEqual(list(view.flags), list(self.before.flags))
        self.assertEqual(view.uid_validity, self.before.uid_validity)
        self.assertEqual(view.mailbox_id, self.before.mailbox_id)
        self.assertGreaterEqual(view.uid_next, self.before.uid_next)
        return view

    def test_removed_with_the_clock_set_back(self) -> None:
        self.cache.unlink()
        self.now.ahead = -1e9
        self.assertGreater(self.shown().highest_modseq, self.before.highest_modseq)

    def test_removed_while_it_is_open(self) -> None:
        self.shown()
        self.cache.unlink()
        self.assertGreater(self.shown().highest_modseq, self.before.highest_modseq)
        self.assertTrue(self.cache.exists())

    def test_no_cache_at_all(self) -> None:
        self.cache.write_bytes(b"this is no cache" * 1000)
        self.assertGreater(self.shown().highest_modseq, self.before.highest_modseq)

    def test_damaged_in_the_middle(self) -> None:
        octets = bytearray(self.cache.read_bytes())
        for at in range(4096, len(octets) - 4096, 4096):
            octets[at : at + 200] = b"\xff" * 200
        self.cache.write_bytes(octets)
        self.shown()

    def test_of_another_version(self) -> None:
        connection = sqlite3.connect(self.cache)
        connection.execute("PRAGMA user_version = 99")
        connection.close()
        self.assertGreater(self.shown().highest_modseq, self.before.highest_modseq)

    def test_that_cannot_be_opened(self) -> None:
        self.cache.unlink()
        self.cache.mkdir()
        view = self.shown()
        self.assertGreater(view.highest_modseq, self.before.highest_modseq)
        added = self.done(lambda work: add(work, "", [message(b"new", "Work")]))
        self.assertEqual(list(added.uids), [4])
        self.assertIn(4, self.done(view_of).uids)
        # the cache of the disk knows nothing of the MODSEQs that were told meanwhile
        self.cache.rmdir()
        highest = self.done(view_of).highest_modseq
        now(self.thread.close())
        self.assertGreater(self.done(view_of).highest_modseq, highest)

    def begun(self, operation: Callable[[AccountWork], T]) -> Deferred[T | StoreRefusal]:
        """An operation of the account that has not ended, as it waits for a lock."""
        begun = Deferred.fromCoroutine(self.thread.run(operation))
        self.assertNoResult(begun)
        return begun

    def test_locked_for_too_long(self) -> None:
        """Then a cache in memory is used."""
        other = self.locked_cache()
        self.inbox.put("new", "1700000000.M1P1.other,S=16,W=18")
        begun = self.begun(view_of)
        self.clock.pump([0.3] * 40)
        self.assertNoResult(begun)
        self.clock.pump([0.3] * 15)
        view = self.successResultOf(begun)
        assert isinstance(view, FolderView)
        self.assertEqual(list(view.uids), [1, 2, 3, 4])
        other.close()

    def locked_cache(self) -> sqlite3.Connection:
        """A connection of another program that has the cache locked."""
        other = sqlite3.connect(self.cache, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        return other

    def test_an_operation_that_waits_for_the_cache_needs_no_thread(self) -> None:
        self.shown()
        other = self.locked_cache()
        begun = self.begun(lambda work: add(work, "", [message(b"new")]))
        elsewhere = self.of(f"{self.root}-other")
        self.assertEqual(now(elsewhere.run(lambda work: 5)), 5)
        other.execute("COMMIT")
        self.clock.advance(1)
        self.assertNotIsInstance(self.successResultOf(begun), StoreRefusal)
        self.assertEqual(list(self.done(view_of).uids), [1, 2, 3, 4])

    def test_a_cache_that_is_locked_when_it_is_opened(self) -> None:
        other = self.locked_cache()
        begun = self.begun(lambda work: add(work, "", [message(b"new")]))
        other.execute("COMMIT")
        self.clock.advance(1)
        self.assertNotIsInstance(self.successResultOf(begun), StoreRefusal)
        self.assertFalse(self.thread._work.in_memory)

    def test_folders_are_made_once_the_cache_is_free(self) -> None:
        self.shown()
        other = self.locked_cache()
        begun = self.begun(lambda work: tree.create(work, "New", ""))
        other.execute("COMMIT")
        self.clock.advance(1)
        self.assertIsInstance(self.successResultOf(begun), str)

    def test_folders_are_renamed_once_the_subscriptions_are_free(self) -> None:
        self.done(lambda work: tree.create(work, "Old", ""))
        self.done(lambda work: tree.subscribe(work, "Old", True))
        lock = Path(self.root, "subscriptions.lock")
        lock.write_text("1:another.example")
        begun = self.begun(lambda work: tree.rename(work, "Old", "New"))
        lock.unlink()
        self.clock.advance(1)
        self.assertIsNone(self.successResultOf(begun))
        (new,) = [one for one in self.done(tree.list_folders) if one.name in ("Old", "New")]
        self.assertEqual((new.name, new.selectable, new.subscribed), ("New", True, True))

    def test_a_uid_list_that_another_program_locks(self) -> None:
        """Work that needs the lock is refused after a while; a reading goes on without it."""
        Path(self.root, "dovecot-uidlist.lock").write_text("1:another.example")
        self.inbox.put("new", "1700000000.M1P1.other,S=16,W=18")
        begun = self.begun(lambda work: add(work, "", [message(b"new")]))
        reading = self.begun(view_of)
        self.clock.pump([0.3] * 55)
        refusal = self.successResultOf(begun)
        assert isinstance(refusal, StoreRefusal)
        self.assertEqual(refusal.reason, Reason.IN_USE)
        self.clock.pump([0.3] * 55)
        view = self.successResultOf(reading)
        assert isinstance(view, FolderView)
        self.assertEqual(list(view.uids), [1, 2, 3])
        Path(self.root, "dovecot-uidlist.lock").unlink()
        self.later()
        self.assertEqual(list(self.done(view_of).uids), [1, 2, 3, 4])

    def test_a_full_disk(self) -> None:
        """SQLite may not make the file larger, and nothing of ours can be written."""
        self.system.create = _full  # type: ignore[method-assign]
        self.inbox.put("new", "1700000000.M1P1.other,S=16,W=18")
        view = self.done(view_of)
        self.assertEqual(list(view.uids), [1, 2, 3])  # no UID could be kept
        del self.system.create
        self.later()
        self.assertEqual(list(self.done(view_of).uids), [1, 2, 3, 4])

    def test_a_full_disk_without_a_cache(self) -> None:
        self.cache.unlink()
        self.system.create = _full  # type: ignore[method-assign]
        self.shown()

    def test_a_cache_that_may_lack_its_end(self) -> None:
        """The system was started again while the cache was in use."""
        self.done(view_of)
        connection = sqlite3.connect(self.cache)
        connection.execute("UPDATE account SET boot = 'another'")
        connection.commit()
        work = self.opened()  # the other connection keeps its file beside the cache
        view = refreshed(work, "").view
        self.assertGreater(view.modseqs[0], self.before.highest_modseq)
        self.assertGreaterEqual(view.highest_modseq, view.modseqs[0])
        self.assertEqual(refreshed(self.opened(), "").view.modseqs, view.modseqs)
        connection.close()

    def test_only_its_owner_reads_it(self) -> None:
        self.assertEqual(stat.S_IMODE(self.cache.stat().st_mode), 0o600)


def _full(path: str) -> int:
    raise OSError(errno.ENOSPC, "No space left on device", path)
