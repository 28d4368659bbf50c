"""The folder: what is written, what is found again, and what a dead process leaves."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.committer import Committer
from mailhost.interfaces.changes import Change, NewFile, RemovedFile
from mailhost.interfaces.events import Faulted, Parked
from mailhost.interfaces.store import ICommitter
from mailhost.message.content import Content, ContentWriter
from mailhost.message.outcome import Fate, Outcome
from mailhost.queue.entry import ENCODED_AT_ONCE, Entry, EntryState, first_state, laid_out
from mailhost.queue.spool import FoundEntry, ReadingResult, Spool, UnreadableEntry
from tests.queue.fakes import BUSY, FakeCommitter, RunningQueue, envelope, here, message

T = TypeVar("T")


class SpoolCase(SynchronousTestCase):
    """A folder for each test."""

    def setUp(self) -> None:
        self.folder = os.path.join(self.mktemp(), "queue")
        self.disk = FakeCommitter()
        self.spool = Spool(self.folder, self.disk, here)

    def write(
        self, id: str, content: Content | None = None, state: EntryState | None = None
    ) -> Entry:
        """Write an entry."""
        content = content or message()
        entry, line = laid_out(Entry(id, id, 5.0, envelope("bob@there.example"), content.size))
        status = self.successResultOf(
            Deferred.fromCoroutine(self.spool.write(entry, line, state, content))
        )
        self.assertTrue(status.ok, status)
        return entry

    def scan(self) -> list[ReadingResult]:
        """The entries that the next process finds."""
        found: list[ReadingResult] = []
        spool = Spool(self.folder, self.disk, here)
        self.successResultOf(Deferred.fromCoroutine(spool.scan(found.extend)))
        return found

    def put(self, name: str, text: bytes) -> None:
        """Write over a file."""
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(text)

    def read(self, name: str) -> bytes:
        """The whole of a file."""
        with open(os.path.join(self.folder, name), "rb") as file:
            return file.read()

    def files(self) -> list[str]:
        """The names in the folder."""
        return sorted(os.listdir(self.folder))


class Keeping(SpoolCase):
    """Entries come back as they were."""

    def test_entry_and_content(self) -> None:
        body = bytes(range(256)) * 10
        entry = self.write("a1", Content((body[:100], body[100:])))
        self.assertEqual(self.scan(), [FoundEntry(entry, first_state(entry), False)])
        content = self.successResultOf(Deferred.fromCoroutine(_value(self.spool.open(entry))))
        self.assertEqual(content.read(), body)

    def test_what_has_many_recipients_is_encoded_in_a_thread(self) -> None:
        working: list[int] = []

        def in_thread(work: Callable[[], T]) -> Deferred[T]:
            working.append(1)
            return here(work)

        spool = Spool(self.folder, self.disk, in_thread)
        for count in (ENCODED_AT_ONCE, ENCODED_AT_ONCE + 1):
            to = envelope(*(f"bob{number}@there.example" for number in range(count)))
            state = first_state(Entry("one", "one", 5.0, to, 1))
            self.successResultOf(Deferred.fromCoroutine(spool.settle("one", state)))
            self.assertEqual(count - ENCODED_AT_ONCE, len(working))

    def test_content_from_a_file(self) -> None:
        os.makedirs(self.folder)
        writer = ContentWriter(self.folder, memory=10)
        writer.write(b"Subject: x\r\n\r\n" + b"y" * 200_000)
        entry = self.write("a1", writer.finish())
        content = self.successResultOf(Deferred.fromCoroutine(_value(self.spool.open(entry))))
        self.assertEqual(content.size, 200_014)

    def test_state_is_replaced(self) -> None:
        entry = self.write("a1")
        state = EntryState(first_state(entry).recipients, due=77.0, attempts=3)
        self.successResultOf(Deferred.fromCoroutine(self.spool.settle("a1", state)))
        self.assertEqual(self.scan(), [FoundEntry(entry, state, True)])

    def test_removed(self) -> None:
        entry = self.write("a1")
        self.successResultOf(Deferred.fromCoroutine(self.spool.settle("a1", first_state(entry))))
        self.successResultOf(Deferred.fromCoroutine(self.spool.remove("a1", True)))
        self.assertEqual(self.files(), [])

    def test_message_goes_before_its_state(self) -> None:
        self.write("a1")
        self.successResultOf(Deferred.fromCoroutine(self.spool.remove("a1", True)))
        paths = [change.path for change in self.disk.done if isinstance(change, RemovedFile)]
        self.assertEqual([path.rpartition(".")[2] for path in paths], ["msg", "state"])

    def test_oldest_first(self) -> None:
        for id in ("b", "a", "c"):
            self.write(id)
        self.assertEqual(
            [f.entry.id for f in self.scan() if isinstance(f, FoundEntry)], list("abc")
        )

    def test_no_folder_yet(self) -> None:
        self.assertEqual(self.scan(), [])

    def test_more_than_one_batch(self) -> None:
        for number in range(450):
            self.write(f"n{number:03}")
        self.assertEqual(len(self.scan()), 450)


class LeftBehind(SpoolCase):
    """Files of a process that died."""

    def test_temporary_files_go(self) -> None:
        self.write("a1")
        self.put("a2.msg.0123.0.tmp", b"half")
        self.put("a1.state.0123.1.tmp", b"half")
        self.assertEqual(len(self.scan()), 1)
        self.assertEqual(self.files(), ["a1.msg"])

    def test_own_temporary_files_stay(self) -> None:
        self.write("a1")
        temporary = os.path.basename(self.disk.done[0].temporary)  # type: ignore[union-attr]
        self.put(temporary, b"being written")
        self.successResultOf(Deferred.fromCoroutine(self.spool.scan(lambda found: None)))
        self.assertIn(temporary, self.files())

    def test_a_state_without_message_goes(self) -> None:
        self.write("a1")
        self.put("a0.state", b"{}")
        self.scan()
        self.assertEqual(self.files(), ["a1.msg"])

    def test_strange_files_stay(self) -> None:
        self.write("a1")
        self.put("README", b"hello")
        self.assertEqual(len(self.scan()), 1)
        self.assertIn("README", self.files())

    def test_what_this_process_wrote_is_not_found(self) -> None:
        self.spool.name("a1", lambda id: False)
        self.write("a1")
        found: list[ReadingResult] = []
        self.successResultOf(Deferred.fromCoroutine(self.spool.scan(found.extend)))
        self.assertEqual(found, [])

    def test_a_name_on_disk_is_not_given_again(self) -> None:
        self.write("a1")
        other = Spool(self.folder, self.disk, here)
        self.assertNotEqual(other.name("a1", lambda id: False), "a1")
        self.assertEqual(other.name("a2", lambda id: False), "a2")
        self.assertNotEqual(other.name("a3", lambda id: True), "a3")
        self.assertNotIn("/", other.name("../../etc/x", lambda id: False))


class Damaged(SpoolCase):
    """Damage is told, left alone, and stops nobody else."""

    def test_message_file(self) -> None:
        self.write("a1")
        self.write("a3")
        whole = self.read("a1.msg")
        damages = (b"", b"\n", b"{}\n", whole[:-1], whole[:20], b"\xff" * 50, whole + b"x")
        for damage in damages:
            self.put("a2.msg", damage)
            found = self.scan()
            self.assertEqual(
                [type(each) for each in found], [FoundEntry, UnreadableEntry, FoundEntry], damage
            )
            self.assertIn("a2.msg", self.files())

    def test_state_file(self) -> None:
        entry = self.write("a1")
        self.put("a1.state", b'{"version":1')
        (found,) = self.scan()
        assert isinstance(found, FoundEntry)
        self.assertEqual(found.entry, entry)
        self.assertTrue(found.state.parked)
        self.assertIn("a1.state", self.files())

    def test_message_that_cannot_be_opened(self) -> None:
        self.write("a1")
        os.makedirs(os.path.join(self.folder, "a2.msg"))
        self.assertEqual([type(each) for each in self.scan()], [FoundEntry, UnreadableEntry])

    def test_the_queue_reports_and_goes_on(self) -> None:
        self.write("a1")
        self.write("a3")
        self.put("a2.msg", b"junk\n")
        self.put("a3.state", b"junk")
        context = RunningQueue(self.folder)
        context.start()
        self.assertEqual([call[0] for call in context.transport.calls], ["a1"])
        self.assertEqual([event.identity for event in context.events.of(Parked)], ["a2", "a3"])
        self.assertEqual(context.files(), ["a2.msg", "a3.msg", "a3.state"])
        context.pass_time(86400.0)
        self.assertEqual(len(context.transport.calls), 1)

    def test_a_folder_that_cannot_be_read_is_tried_again(self) -> None:
        os.makedirs(os.path.dirname(self.folder))
        with open(self.folder, "w"):
            pass
        context = RunningQueue(self.folder)
        context.start()
        self.assertEqual(len(context.events.of(Faulted)), 1)
        os.unlink(self.folder)
        self.write("a1")
        context.pass_time(61.0)
        self.assertEqual(context.transport.tried, ["bob@there.example"])


class FullDisk(SpoolCase):
    """A message that cannot be kept is not accepted."""

    def test_answers(self) -> None:
        cases = (
            (errno.ENOSPC, 452, "4.3.1"),
            (errno.EDQUOT, 452, "4.3.1"),
            (errno.EIO, 451, "4.3.0"),
        )
        for number, code, enhanced in cases:
            context = RunningQueue(self.folder)
            context.disk.fail = lambda change, number=number: OSError(number, "the disk says no")  # type: ignore[misc]
            context.start()
            status = context.accept(envelope("bob@there.example"))
            self.assertEqual((status.code, status.enhanced), (code, enhanced))
            self.assertIn("the disk says no", status.cause)
            self.assertNotIn("the disk says no", status.text)
            self.assertEqual(context.transport.calls, [])
            self.assertEqual(context.runner.views(), [])

    def test_a_state_without_its_message_is_taken_back(self) -> None:
        context = RunningQueue(self.folder)

        def fail(change: Change) -> OSError | None:
            full = isinstance(change, NewFile) and change.final.endswith(".msg")
            return OSError(errno.ENOSPC, "full") if full else None

        context.disk.fail = fail
        wanted = envelope("bob@there.example")
        deferred = Outcome(wanted.recipients[0], Fate.DEFERRED, BUSY)
        self.assertEqual(context.accept(wanted, outcomes=[deferred]).code, 452)
        self.assertEqual(context.files(), [])


class RealCommitter(SynchronousTestCase):
    """The Interface that the fake and the real one provide is one."""

    def test_provided(self) -> None:
        self.assertTrue(ICommitter.implementedBy(Committer))
        self.assertTrue(ICommitter.implementedBy(FakeCommitter))


async def _value(waiting: object) -> Content:
    return await waiting  # type: ignore[misc, no-any-return]
