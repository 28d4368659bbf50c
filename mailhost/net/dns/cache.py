"""Answers remembered for as long as they hold, in bounded memory; equal questions asked once.

A failure is remembered too, for a short time (RFC 2308 §7): otherwise each message of a domain
whose servers are silent would wait for them. A message that is deferred because of a failure is
tried again later than that.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mailhost.interfaces.dns import NoSuchDomain, ResolveFailed

LONGEST_VALIDITY = 3600.0  # seconds at most that an answer is used
NEGATIVE_VALIDITY = 60.0  # seconds that an answer without records is used
FAILURE_VALIDITY = 30.0  # seconds that a failure of the servers is used; RFC 2308 §7: at most 300
MOST_ANSWERS = 10_000
LARGEST_ANSWER = 4096  # octets of TXT records that are remembered; larger answers are asked anew


@dataclass(frozen=True, slots=True)
class Answered:
    """The records of an answer, how long they hold, whether the name exists, and whether a
    resolver on this machine has authenticated all of this. `canonical` is the name that CNAMEs lead
    to, empty where there is none."""

    records: tuple[Any, ...]
    seconds: float
    exists: bool = True
    secure: bool = False
    canonical: str = ""


Question = tuple[str, str]
# answers, and the texts of failures, each with the time until which it is used
_Known = OrderedDict[Question, tuple[float, Answered | str]]


class AnswerCache:
    """Asks through `ask`, which raises ResolveFailed if the servers cannot answer now."""

    def __init__(self, clock: IReactorTime, ask: Callable[[Question], Awaitable[Answered]]) -> None:
        self._clock = clock
        self._ask = ask
        self._known: _Known = OrderedDict()
        self._asked: dict[Question, list[Deferred[Answered]]] = {}

    async def get(self, question: Question) -> tuple[Any, ...]:
        """Return the records. Raises NoSuchDomain, ResolveFailed."""
        answer = await self.answer(question)
        if not answer.exists:
            raise NoSuchDomain(question[1])
        return answer.records

    async def answer(self, question: Question) -> Answered:
        """Return the answer, also one that says that the name does not exist. Raises
        ResolveFailed."""
        until, answer = self._known.get(question, (0.0, None))
        if answer is None or until <= self._clock.seconds():
            return await self._ask_once(question)
        if isinstance(answer, str):
            raise ResolveFailed(answer)
        return answer

    def clear(self) -> None:
        """Forget all answers and failures, also those of questions that are not answered yet."""
        self._known = OrderedDict()

    async def _ask_once(self, question: Question) -> Answered:
        waiting: Deferred[Answered] = Deferred()
        if question in self._asked:
            self._asked[question].append(waiting)
        else:
            self._asked[question] = [waiting]
            # on its own, so that a caller that stops waiting does not stop the others
            Deferred.fromCoroutine(self._answer_all(question))
        return await waiting

    async def _answer_all(self, question: Question) -> None:
        """Ask, and give the answer or the failure to all callers that wait for it."""
        known = self._known
        try:
            answer = await self._ask(question)
        except Exception as error:  # noqa: BLE001 - each caller gets it
            failure = Failure()
            if isinstance(error, ResolveFailed):
                self._remember(known, question, str(error), FAILURE_VALIDITY)
            for waiting in self._asked.pop(question):
                waiting.errback(failure)
            return
        if sum(len(each) for each in answer.records if type(each) is bytes) <= LARGEST_ANSWER:
            self._remember(known, question, answer, min(answer.seconds, LONGEST_VALIDITY))
        for waiting in self._asked.pop(question):
            waiting.callback(answer)

    def _remember(
        self, known: _Known, question: Question, answer: Answered | str, seconds: float
    ) -> None:
        known[question] = (self._clock.seconds() + seconds, answer)
        known.move_to_end(question)
        if len(known) > MOST_ANSWERS:
            known.popitem(last=False)
