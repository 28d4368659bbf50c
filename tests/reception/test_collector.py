"""Content that is written to a disk while it arrives."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred

from mailhost.message.content import ContentWriter
from mailhost.message.status import LOCAL_ERROR, NO_STORAGE, Status
from tests.fakes import now, path
from tests.reception.context import ReceptionCase


class DiskTests(ReceptionCase):
    def answer(self, number: int) -> Status:
        def broken(writer: ContentWriter) -> None:
            raise OSError(number, os.strerror(number))

        self.patch(ContentWriter, "spill", broken)
        (status,) = self.send(b"x" * 1000)
        return status

    def test_a_full_disk_defers_at_the_end(self) -> None:
        for number in (errno.ENOSPC, errno.EDQUOT):
            status = self.answer(number)
            self.assertEqual(replace(status, cause=""), NO_STORAGE)
            self.assertIn(os.strerror(number), status.cause)
        self.assertEqual((self.handover.taken, self.events.told), ([], []))

    def test_a_slow_disk_is_waited_for_in_a_thread(self) -> None:
        threads: list[tuple[Callable[[], Any], Deferred[Any]]] = []

        def in_thread(work: Callable[[], Any], /) -> Deferred[Any]:
            threads.append((work, Deferred()))
            return threads[-1][1]

        self.in_thread = in_thread
        self.reception = self.reception_with(self.rules)
        transaction = self.begin()
        now(transaction.recipient(path("bob@a.example")))
        collector = self.collector(transaction)
        self.assertIsNone(collector.write(b"x" * 100))
        writing = Deferred.fromCoroutine(self.wait(collector.write(b"x")))
        self.assertNoResult(writing)
        self.let_go(threads)
        self.successResultOf(writing)
        finishing = Deferred.fromCoroutine(self.wait(collector.finish()))
        self.assertNoResult(finishing)
        self.let_go(threads)
        content = self.successResultOf(finishing)
        ending = Deferred.fromCoroutine(self.wait(transaction.end(content)))
        self.assertNoResult(ending)
        self.let_go(threads)
        (status,) = self.successResultOf(ending)
        self.assertTrue(status.ok)

    async def wait(self, answer: Any) -> Any:
        return await answer

    def let_go(self, threads: list[tuple[Callable[[], Any], Deferred[Any]]]) -> None:
        """Run the work of the thread."""
        work, done = threads.pop()
        done.callback(work())

    def test_a_broken_disk(self) -> None:
        self.assertEqual(replace(self.answer(errno.EIO), cause=""), LOCAL_ERROR)

    def test_a_missing_folder_is_made_again(self) -> None:
        os.rmdir(self.folder)
        (status,) = self.send(b"x" * 1000)
        self.assertTrue(status.ok)

    def test_a_folder_that_cannot_be_made(self) -> None:
        os.rmdir(self.folder)
        with open(self.folder, "w"):
            (status,) = self.send(b"x" * 1000)
        self.assertEqual(replace(status, cause=""), LOCAL_ERROR)
