"""The shared writer as a process sees it: there, gone, and back."""

from __future__ import annotations

import errno
import marshal
from collections.abc import Awaitable, Sequence
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailhost.durable import writer_client
from mailhost.durable.frames import frame
from mailhost.durable.stall import STALL_LIMIT
from mailhost.durable.writer_client import WriterClient
from mailhost.interfaces.changes import (
    Change,
    LinkedFile,
    MadeFolder,
    NewFile,
    RemovedFile,
    RenamedFile,
    Results,
)
from mailhost.interfaces.store import ICommitter
from mailhost.message.content import Content
from tests.fakes import RecordingEvents

FILE = NewFile("/t/a", "/n/a", (Content((b"one", b"two")), Content((b"three",))))
GONE = RemovedFile("/n/b")


@implementer(ICommitter)
class Other:
    """Writes at once, and remembers what."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    def commit(self, changes: Sequence[Change]) -> Awaitable[Results]:
        self.changes += changes
        return succeed([None for _ in changes])


class SharedWriterCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = cast(Any, MemoryReactorClock())
        self.other = Other()
        self.events = RecordingEvents()
        self.writer = WriterClient(self.reactor, "/data/writer.sock", self.other, self.events)
        verifyObject(ICommitter, self.writer)
        self.writer.start()

    @property
    def attempts(self) -> int:
        """How often a writer was looked for."""
        return len(self.reactor.unixClients)

    def find(self, **attributes: object) -> StringTransport:
        """The writer is there. `attributes` are its transport's."""
        path, factory, *_ = self.reactor.unixClients[-1]
        self.assertEqual("/data/writer.sock", path)
        self.link = factory.buildProtocol(None)
        transport = StringTransport()
        vars(transport).update(attributes)
        self.link.makeConnection(transport)
        return transport

    def commit(self, *changes: Change) -> Deferred[Results]:
        async def wait() -> Results:
            return await self.writer.commit(changes)

        return Deferred.fromCoroutine(wait())

    def answer(self, *results: tuple[int, str] | None) -> None:
        self.link.dataReceived(frame(list(results)))

    def stop(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.writer.stop())


class Stranger(SharedWriterCase):
    """Another user has put a socket in the writer's place."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(writer_client, "is_ours", lambda wire: False)
        self.patch(writer_client, "peer_uid", lambda wire: 1234)

    def test_it_gets_no_mail_and_is_logged_once(self) -> None:
        for _ in range(2):
            transport = self.find(socket=object())
            self.assertTrue(transport.disconnecting)
            self.assertFalse(self.writer.connected)
            self.link.connectionLost()
            self.reactor.advance(2)
        self.assertEqual(1, len(self.events.lines))
        self.assertIn("user 1234 listens on /data/writer.sock", self.events.lines[0])


class Asking(SharedWriterCase):
    def setUp(self) -> None:
        super().setUp()
        self.transport = self.find()

    def test_a_turn_is_a_frame(self) -> None:
        self.assertTrue(self.writer.connected)
        first, second = self.commit(FILE), self.commit(GONE, FILE)
        self.assertEqual(b"", self.transport.value())
        self.reactor.advance(0)
        sent = marshal.loads(self.transport.value()[4:])
        asked = ("new", "/t/a", "/n/a", [b"one", b"two", b"three"], False, False, "", None)
        self.assertEqual([asked, ("removed", "/n/b"), asked], sent)
        third = self.commit(GONE)
        self.reactor.advance(0)
        self.answer(None, (errno.ENOSPC, "full"), None)
        self.assertEqual([None], self.successResultOf(first))
        full, good = self.successResultOf(second)
        self.assertEqual((errno.ENOSPC, "full"), (full and full.errno, full and full.strerror))
        self.assertIsNone(good)
        self.assertNoResult(third)
        self.answer(None)
        self.assertEqual([None], self.successResultOf(third))
        self.assertEqual([], self.other.changes)

    def test_very_much_goes_in_several_frames(self) -> None:
        self.patch(writer_client, "LARGEST_SHARED_FRAME", 30)
        waiting = [self.commit(FILE) for _ in range(5)]  # 11 octets each
        self.reactor.advance(0)
        octets, frames = self.transport.value(), []
        while octets:
            length = int.from_bytes(octets[:4], "big")
            frames.append(len(marshal.loads(octets[4 : 4 + length])))
            octets = octets[4 + length :]
        self.assertEqual([2, 2, 1], frames)
        for number in frames:
            self.answer(*[None] * number)
        for each in waiting:
            self.assertEqual([None], self.successResultOf(each))

    def test_what_was_under_way_when_it_died_is_done_by_the_other(self) -> None:
        sent = self.commit(FILE, GONE)
        self.reactor.advance(0)
        not_sent = self.commit(GONE)
        self.link.connectionLost(Failure(ConnectionDone()))
        self.assertFalse(self.writer.connected)
        self.assertEqual([None, None], self.successResultOf(sent))
        self.reactor.advance(0)
        self.assertEqual([None], self.successResultOf(not_sent))
        again = NewFile(FILE.temporary, FILE.final, FILE.contents, again=True)
        self.assertEqual([again, GONE, GONE], self.other.changes)

    def test_each_kind_is_done_again_as_one_that_may_have_been_done(self) -> None:
        self.commit(RenamedFile("/a", "/b"), LinkedFile("/a", "/c"), MadeFolder("/d"))
        self.reactor.advance(0)
        sent = marshal.loads(self.transport.value()[4:])
        self.assertEqual(["renamed", "linked", "folder"], [each[0] for each in sent])
        self.link.connectionLost(Failure(ConnectionDone()))
        again = [RenamedFile("/a", "/b", True), LinkedFile("/a", "/c", True), MadeFolder("/d")]
        self.assertEqual(again, self.other.changes)

    def test_the_next_one_is_found(self) -> None:
        self.link.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(1, self.attempts)
        self.reactor.advance(0.05)
        self.assertEqual(2, self.attempts)
        self.find()
        self.assertTrue(self.writer.connected)

    def test_a_stop_waits_for_what_is_under_way(self) -> None:
        last = self.commit(GONE)
        stopping = self.stop()
        self.reactor.advance(0)
        self.assertNoResult(stopping)
        self.answer(None)
        self.successResultOf(last)
        self.successResultOf(stopping)
        self.assertTrue(self.transport.disconnecting)
        self.link.connectionLost(Failure(ConnectionDone()))
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_a_writer_that_dies_at_the_stop(self) -> None:
        last = self.commit(GONE)
        self.reactor.advance(0)
        stopping = self.stop()
        self.link.connectionLost(Failure(ConnectionDone()))
        self.successResultOf(last)
        self.successResultOf(stopping)


class StandsStill(SharedWriterCase):
    """The log lines about a writer that gives no answer."""

    def setUp(self) -> None:
        super().setUp()
        self.find()

    def ask(self) -> None:
        self.commit(GONE)
        self.reactor.advance(0)

    def test_it_is_told_once_and_so_is_the_end_of_it(self) -> None:
        self.ask()
        self.reactor.advance(STALL_LIMIT - 1)
        self.ask()
        self.assertEqual([], self.events.lines)
        self.reactor.advance(1)
        (line,) = self.events.lines
        self.assertIn("stands still: nothing was made durable for 10 seconds", line)
        self.ask()
        self.reactor.advance(5 * STALL_LIMIT)
        self.answer(None)
        self.assertEqual([line, "the writer goes on after 60 seconds"], self.events.lines)
        self.reactor.advance(STALL_LIMIT)  # two more answers are owed
        self.assertEqual(3, len(self.events.lines))

    def test_nothing_is_told_of_one_that_answers(self) -> None:
        for _ in range(5):
            self.ask()
            self.reactor.advance(0.7 * STALL_LIMIT)
            self.answer(None)
        self.reactor.advance(5 * STALL_LIMIT)
        self.assertEqual([], self.events.lines)
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_nor_while_answers_come_one_by_one(self) -> None:
        self.ask()
        for _ in range(5):
            self.ask()
            self.reactor.advance(0.7 * STALL_LIMIT)
            self.answer(None)
        self.assertEqual([], self.events.lines)

    def test_one_that_dies_owes_nothing(self) -> None:
        self.ask()
        self.reactor.advance(STALL_LIMIT)
        self.link.connectionLost(Failure(ConnectionDone()))
        self.reactor.advance(0.1)
        self.find()
        self.ask()
        self.answer(None)
        self.assertEqual(1, len(self.events.lines))


class NoneThere(SharedWriterCase):
    def test_it_is_looked_for_ever_more_slowly(self) -> None:
        self.assertFalse(self.writer.connected)
        for seconds in (0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0):
            attempts = self.attempts
            _, factory, *_ = self.reactor.unixClients[-1]
            factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
            self.reactor.advance(seconds - 0.01)
            self.assertEqual(attempts, self.attempts)
            self.reactor.advance(0.01)
            self.assertEqual(attempts + 1, self.attempts)

    def test_a_stop_looks_no_more(self) -> None:
        _, factory, *_ = self.reactor.unixClients[-1]
        factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        self.successResultOf(self.stop())
        self.assertEqual([], self.reactor.getDelayedCalls())
