"""Two processes that talk, here both in one: calls, answers, faults, descriptors, the end."""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import TestCase

from mailhost.message.status import OK
from mailhost.workers.channel import Channel, attach


class Talking(TestCase):
    def setUp(self) -> None:
        self.heard: Deferred[Any] = Deferred()
        self.gone: Deferred[None] = Deferred()
        self.answers: dict[str, Any] = {
            "double": lambda number: 2 * number,
            "fail": self.fail_with,
            "later": self.later,
            "note": self.heard.callback,
            "take": lambda fd, name: self.heard.callback((fd, name)),
        }
        self.head = Channel(self.answers, lambda: None)
        self.worker = Channel({}, lambda: self.gone.callback(None))
        for channel, end in zip((self.head, self.worker), socket.socketpair(), strict=True):
            attach(reactor, channel, end.detach())  # type: ignore[arg-type]
        self.addCleanup(self.close)

    async def close(self) -> None:
        if self.head.transport is not None:
            self.head.transport.loseConnection()
        await self.gone

    async def later(self) -> object:
        return OK

    def fail_with(self) -> None:
        raise OSError(28, "full")

    async def test_answers(self) -> None:
        self.assertEqual(14, await self.worker.ask("double", 7))
        self.assertEqual(OK, await self.worker.ask("later"))

    async def test_what_is_raised_there_is_raised_here(self) -> None:
        error = await self.assertFailure(Deferred.fromCoroutine(self.worker.ask("fail")), OSError)
        self.assertEqual(28, error.errno)

    async def test_an_answer_that_cannot_be_sent(self) -> None:
        self.answers["later"] = lambda: lambda: None
        error = await self.assertFailure(
            Deferred.fromCoroutine(self.worker.ask("later")), RuntimeError
        )
        self.assertIn("cannot be sent", str(error))

    async def test_telling(self) -> None:
        self.worker.notify("note", {"a": OK})
        self.assertEqual({"a": OK}, await self.heard)

    async def test_a_descriptor(self) -> None:
        read, write = os.pipe()
        self.worker.hand(write, "take", "the pipe")
        copy, name = await self.heard
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

        self.answers["take"] = take
        wanted = []
        for name in ("first", "second"):
            read, write = os.pipe()
            wanted.append((name, os.fstat(write).st_ino))
            self.worker.hand(write, "take", name)
            os.close(read)
            self.addCleanup(os.close, write)
        await both
        self.assertEqual(wanted, taken)

    async def test_a_bug_in_what_is_told_ends_nothing(self) -> None:
        self.worker.notify("fail")
        self.worker.notify("no such call")
        self.assertEqual(14, await self.worker.ask("double", 7))
        self.assertEqual(2, len(self.flushLoggedErrors(OSError, KeyError)))

    async def test_who_waits_for_an_answer_hears_of_the_end(self) -> None:
        self.answers["later"] = lambda: Deferred()
        waiting = Deferred.fromCoroutine(self.worker.ask("later"))
        await self.worker.ask("double", 7)
        assert self.head.transport is not None
        self.head.transport.loseConnection()
        await self.assertFailure(waiting, ConnectionLost)

    async def test_the_end(self) -> None:
        assert self.head.transport is not None
        self.head.transport.loseConnection()
        await self.gone
        self.worker.notify("note", 1)
        self.worker.hand(0, "take")
        await self.assertFailure(
            Deferred.fromCoroutine(self.worker.ask("double", 7)), ConnectionLost
        )
        self.assertFalse(self.heard.called)
