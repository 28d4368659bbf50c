"""Both ends of a channel in one process: calls, results, faults, descriptors, the end."""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailhost.message.status import OK, Status
from mailhost.workers import calls
from mailhost.workers.calls import Call, DescriptorCall, Notification
from mailhost.workers.channel import Channel, attach

DOUBLE: Call[[int], int] = Call("double")
LATER: Call[[], Status] = Call("later")
FAIL: Call[[], Any] = Call("fail")
NOTE: Notification[[object]] = Notification("note")
BREAK: Notification[[]] = Notification("break")
UNKNOWN: Notification[[]] = Notification("unknown")
TAKE: DescriptorCall[[str]] = DescriptorCall("take")


class Declarations(SynchronousTestCase):
    def test_no_two_calls_have_one_name(self) -> None:
        declared = [
            call.name
            for call in vars(calls).values()
            if isinstance(call, Call | Notification | DescriptorCall)
        ]
        self.assertGreater(len(declared), 20)
        self.assertEqual(len(declared), len(set(declared)))


class ChannelTests(TestCase):
    """`head` answers the calls of `worker`."""

    def setUp(self) -> None:
        self.noted: Deferred[Any] = Deferred()
        self.gone: Deferred[None] = Deferred()
        self.later: Any = lambda: OK
        self.take: Any = lambda fd, name: self.noted.callback((fd, name))
        answers = [
            DOUBLE.answered_by(lambda number: 2 * number),
            FAIL.answered_by(self.fail_with),
            BREAK.answered_by(self.fail_with),
            LATER.answered_by(self.answer_later),
            NOTE.answered_by(self.noted.callback),
            TAKE.answered_by(lambda fd, name: self.take(fd, name)),
        ]
        self.head = Channel(answers, lambda: None)
        self.worker = Channel([], lambda: self.gone.callback(None))
        for channel, end in zip((self.head, self.worker), socket.socketpair(), strict=True):
            attach(reactor, channel, end.detach())  # type: ignore[arg-type]
        self.addCleanup(self.close)

    async def close(self) -> None:
        if self.head.transport is not None:
            self.head.transport.loseConnection()
        await self.gone

    async def answer_later(self) -> Any:
        result = self.later()
        return await result if isinstance(result, Deferred) else result

    def fail_with(self) -> None:
        raise OSError(28, "full")

    async def test_results(self) -> None:
        self.assertEqual(14, await self.worker.ask(DOUBLE, 7))
        self.assertEqual(OK, await self.worker.ask(LATER))

    async def test_an_exception_is_raised_at_the_caller(self) -> None:
        error = await self.assertFailure(Deferred.fromCoroutine(self.worker.ask(FAIL)), OSError)
        self.assertEqual(28, error.errno)

    async def test_a_result_that_cannot_be_pickled(self) -> None:
        self.later = lambda: lambda: None
        asked = Deferred.fromCoroutine(self.worker.ask(LATER))
        error = await self.assertFailure(asked, RuntimeError)
        self.assertIn("cannot be sent", str(error))

    async def test_a_notification(self) -> None:
        self.worker.notify(NOTE, {"a": OK})
        self.assertEqual({"a": OK}, await self.noted)

    async def test_a_descriptor(self) -> None:
        read, write = os.pipe()
        self.worker.hand(write, TAKE, "the pipe")
        copy, name = await self.noted
        os.write(copy, b"hello")
        for fd in (copy, write):
            os.close(fd)
        self.assertEqual((b"hello", "the pipe"), (os.read(read, 100), name))
        os.close(read)

    async def test_two_descriptors_on_their_way_arrive_in_order(self) -> None:
        taken: list[tuple[str, int]] = []
        both: Deferred[None] = Deferred()

        def take(fd: int, name: str) -> None:
            taken.append((name, os.fstat(fd).st_ino))
            os.close(fd)
            if len(taken) == 2:
                both.callback(None)

        self.take = take
        wanted = []
        for name in ("first", "second"):
            read, write = os.pipe()
            wanted.append((name, os.fstat(write).st_ino))
            self.worker.hand(write, TAKE, name)
            os.close(read)
            self.addCleanup(os.close, write)
        await both
        self.assertEqual(wanted, taken)

    async def test_a_descriptor_may_be_closed_before_it_is_sent(self) -> None:
        read, write = os.pipe()
        self.worker.hand(write, TAKE, "the pipe")
        os.close(write)
        copy, _ = await self.noted
        os.write(copy, b"hello")
        os.close(copy)
        self.assertEqual(b"hello", os.read(read, 100))
        self.assertEqual(14, await self.worker.ask(DOUBLE, 7))
        self.assertEqual(b"", os.read(read, 100), "the sender keeps a copy")
        os.close(read)

    async def test_a_descriptor_that_was_not_sent_is_closed_at_the_end(self) -> None:
        read, write = os.pipe()
        self.head.transport.pauseProducing()  # type: ignore[union-attr]
        self.worker.hand(write, TAKE, "the pipe")
        os.close(write)
        self.head.transport.abortConnection()  # type: ignore[union-attr]
        await self.gone
        self.assertEqual(b"", os.read(read, 100))
        os.close(read)

    async def test_a_notification_that_fails_is_logged_and_the_channel_goes_on(self) -> None:
        self.worker.notify(BREAK)
        self.worker.notify(UNKNOWN)
        self.assertEqual(14, await self.worker.ask(DOUBLE, 7))
        self.assertEqual(2, len(self.flushLoggedErrors(OSError, KeyError)))

    async def test_a_caller_that_waits_learns_of_the_end(self) -> None:
        self.later = Deferred
        waiting = Deferred.fromCoroutine(self.worker.ask(LATER))
        await self.worker.ask(DOUBLE, 7)
        assert self.head.transport is not None
        self.head.transport.loseConnection()
        await self.assertFailure(waiting, ConnectionLost)

    async def test_calls_after_the_end(self) -> None:
        assert self.head.transport is not None
        self.head.transport.loseConnection()
        await self.gone
        self.worker.notify(NOTE, 1)
        self.worker.hand(0, TAKE, "nothing")
        await self.assertFailure(Deferred.fromCoroutine(self.worker.ask(DOUBLE, 7)), ConnectionLost)
        self.assertFalse(self.noted.called)
