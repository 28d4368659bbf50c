"""Blocking calls in threads of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from mailhost.concurrency.threads import own_threads


class FakeReactor:
    """Keeps what threads hand over, until the test runs it."""

    def __init__(self) -> None:
        self.came = threading.Semaphore(0)
        self.calls: list[Callable[[], None]] = []

    def callFromThread(self, call: Callable[..., None], *arguments: object) -> None:
        self.calls.append(lambda: call(*arguments))
        self.came.release()

    def turn(self) -> None:
        """Wait for one result, and hand it on."""
        self.came.acquire(timeout=10)
        self.calls.pop(0)()


class OwnThreadsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.in_thread = own_threads(cast(Any, self.reactor))

    def test_a_result(self) -> None:
        result = self.in_thread(threading.current_thread)
        self.assertNoResult(result)
        self.reactor.turn()
        thread = self.successResultOf(result)
        self.assertIsNot(threading.current_thread(), thread)
        self.assertTrue(thread.daemon)

    def test_an_exception(self) -> None:
        result = self.in_thread(lambda: 1 // 0)
        self.reactor.turn()
        self.failureResultOf(result, ZeroDivisionError)

    def test_a_result_after_the_cancellation_is_dropped(self) -> None:
        result = self.in_thread(lambda: 1)
        result.cancel()
        self.failureResultOf(result, CancelledError)
        self.reactor.turn()
