"""Going on with an answer, there already or not."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.concurrency.answers import then
from mailhost.interfaces.answer import Answer


async def coroutine(value: int) -> int:
    return value


class Odd:
    """An awaitable that is neither a coroutine nor a Deferred."""

    def __init__(self, value: int) -> None:
        self._value = value

    def __await__(self) -> Generator[Any, Any, int]:
        yield from ()
        return self._value


class ThenTests(SynchronousTestCase):
    def result(self, answer: Answer[int]) -> int:
        async def wait() -> int:
            assert not isinstance(answer, int)
            return await answer

        return self.successResultOf(Deferred.fromCoroutine(wait()))

    def test_a_plain_answer_costs_no_coroutine(self) -> None:
        self.assertEqual(then(20, lambda value: value + 1), 21)

    def test_every_awaitable_is_awaited(self) -> None:
        fired: Deferred[int] = Deferred()
        fired.callback(20)
        for answer in (fired, coroutine(20), Odd(20)):
            self.assertEqual(self.result(then(answer, lambda value: value + 1)), 21)

    def test_so_is_what_use_returns(self) -> None:
        self.assertEqual(self.result(then(coroutine(20), coroutine)), 20)
        self.assertEqual(self.result(then(Odd(20), Odd)), 20)
        self.assertEqual(self.result(then(20, Odd)), 20)

    def test_later(self) -> None:
        deferred: Deferred[int] = Deferred()
        result = then(deferred, lambda value: value + 1)
        waiting = Deferred.fromCoroutine(_wait(result))
        self.assertNoResult(waiting)
        deferred.callback(1)
        self.assertEqual(self.successResultOf(waiting), 2)

    def test_a_failure_goes_on(self) -> None:
        deferred: Deferred[int] = Deferred()
        waiting = Deferred.fromCoroutine(_wait(then(deferred, lambda value: value + 1)))
        deferred.errback(ZeroDivisionError())
        self.failureResultOf(waiting, ZeroDivisionError)


async def _wait(answer: Answer[int]) -> int:
    return answer if isinstance(answer, int) else await answer
