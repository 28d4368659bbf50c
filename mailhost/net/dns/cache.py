"""Answers remembered for as long as they hold, in bounded memory; equal questions asked once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mailhost.interfaces.dns import NoSuchDomain

LONGEST_VALIDITY = 3600.0  # seconds at most that an answer is used
NEGATIVE_VALIDITY = 60.0  # seconds that an answer without records is used
MOST_ANSWERS = 10_000


@dataclass(frozen=True, slots=True)
class Answered:
    """The texts of an answer, how long they hold, and whether the name exists."""

    records: tuple[str, ...]
    seconds: float
    exists: bool = True


Question = tuple[str, str]


class AnswerCache:
    """Asks through `ask`, which raises ResolveFailed if the servers cannot answer now."""

    def __init__(self, clock: IReactorTime, ask: Callable[[Question], Awaitable[Answered]]) -> None:
        self._clock = clock
        self._ask = ask
        self._known: OrderedDict[Question, tuple[float, Answered]] = OrderedDict()
        self._asked: dict[Question, list[Deferred[Answered]]] = {}

    async def get(self, question: Question) -> tuple[str, ...]:
        """Return the records. Raises NoSuchDomain, ResolveFailed."""
        until, answer = self._known.get(question, (0.0, None))
        if answer is None or until <= self._clock.seconds():
            answer = await self._ask_once(question)
        if not answer.exists:
            raise NoSuchDomain(question[1])
        return answer.records

    def clear(self) -> None:
        """Forget all answers."""
        self._known.clear()

    async def _ask_once(self, question: Question) -> Answered:
        if question in self._asked:
            waiting: Deferred[Answered] = Deferred()
            self._asked[question].append(waiting)
            return await waiting
        self._asked[question] = []
        try:
            answer = await self._ask(question)
        except BaseException:
            failure = Failure()
            for waiting in self._asked.pop(question):
                waiting.errback(failure)
            raise
        self._remember(question, answer)
        for waiting in self._asked.pop(question):
            waiting.callback(answer)
        return answer

    def _remember(self, question: Question, answer: Answered) -> None:
        until = self._clock.seconds() + min(answer.seconds, LONGEST_VALIDITY)
        self._known[question] = (until, answer)
        self._known.move_to_end(question)
        if len(self._known) > MOST_ANSWERS:
            self._known.popitem(last=False)
