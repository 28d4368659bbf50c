"""Fakes for the chain: filters, a witness, and the reception behind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any

from twisted.internet.task import Clock
from zope.interface import implementer

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.extensions import Extensions
from mailhost.interfaces.filters import IFilter, ISessionFilter, IVisit, IWitness
from mailhost.interfaces.reception import ICollector, IFilterable, IReception, ITransaction
from mailhost.interfaces.verdict import PASS, Finding, Mail, Stage, Verdict
from mailhost.message.client import Client
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.prepared import Prepared
from mailhost.message.status import OK, Status
from mailhost.observe.counts import Counts
from mailhost.reception.filters.chain import Chain, ChainLink
from tests.fakes import RecordingEvents

FilterAnswer = Verdict | Exception | Awaitable[Verdict] | Callable[[Mail], Any]


@implementer(IFilter)
class FakeFilter:
    """Gives `answer` at each of `stages`: a verdict, an exception, an awaitable, or a function."""

    def __init__(self, answer: FilterAnswer = PASS, *stages: Stage) -> None:
        self.stages: Collection[Stage] = stages or (Stage.MESSAGE,)
        self.answer = answer
        self.asked: list[Mail] = []

    def look(self, mail: Mail) -> Answer[Verdict]:
        self.asked.append(mail)
        answer = self.answer
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            answer = answer(mail)
        return answer


@implementer(ISessionFilter)
class FakeSessionFilter:
    """Passes all mail, and records the calls of its visits."""

    stages = tuple(Stage)

    def __init__(self) -> None:
        self.calls: list[str] = []

    def visit(self, client: Client) -> IVisit:
        self.calls.append("visit")
        return FakeVisit(self.calls)


@implementer(IVisit)
class FakeVisit:
    """The visit of one client."""

    stages = tuple(Stage)

    def __init__(self, calls: list[str]) -> None:
        self._calls = calls

    def look(self, mail: Mail) -> Verdict:
        self._calls.append(mail.stage.name)
        return PASS

    def abandon(self) -> None:
        self._calls.append("abandon")

    def leave(self) -> None:
        self._calls.append("leave")


@implementer(IFilter, IWitness)
class FakeWitness:
    """A witness that records its notifications; it must not be asked."""

    stages: Collection[Stage] = ()

    def __init__(self) -> None:
        self.calls: list[tuple[Mail, list[str], list[str]]] = []

    def look(self, mail: Mail) -> Verdict:
        raise AssertionError("nobody asked for it")

    def ended(self, mail: Mail, findings: Sequence[Finding], statuses: Sequence[Status]) -> None:
        self.calls.append((mail, [each.filter for each in findings], list(map(str, statuses))))


@implementer(IFilterable, ICollector)
class FakeTransaction:
    """The transaction of one message. `state` is empty, ended or abandoned; a second end fails."""

    identity = "m1"
    opened: Status | None = Status(250, "2.1.0", "Welcome")

    def __init__(self, behind: FakeReception, envelope: Envelope) -> None:
        self.behind = behind
        self.envelope = envelope
        self.paths: list[str] = []
        self.state = ""
        self.begun = False
        self.content = b""

    def coming(self, paths: Sequence[ForwardPath]) -> None:
        self.behind.coming.append([str(each.address) for each in paths])

    def recipient(self, path: ForwardPath) -> Answer[Status]:
        assert not self.state
        status: Status = self.behind.answers.get(str(path.address), OK)
        if status.ok:
            self.paths.append(str(path.address))
        return status

    def begin(self) -> Answer[ICollector | Status]:
        assert not self.state
        self.begun = True
        return self

    def write(self, chunk: bytes) -> None:
        self.content += chunk

    def finish(self) -> Answer[Content | Status]:
        return Content((self.content,))

    def end(self, content: Content) -> Answer[Sequence[Status]]:
        raise AssertionError("it ends in three steps")

    def prepare(self, content: Content) -> Answer[Prepared | Status]:
        assert self.begun and not self.state
        refusal: Status | None = self.behind.answers.get("rules")
        if refusal is not None:
            return refusal
        top = self.behind.received
        return Prepared(content.after(self.behind.added), top, top, self.identity, "")

    def leave(self, message: Prepared) -> Answer[Prepared | Status]:
        return message

    def hand_on(self, message: Prepared) -> Answer[Sequence[Status]]:
        assert self.begun
        self._end("ended")
        self.content = message.handed_on().read()
        found = [self.behind.answers.get(f"end of {path}", OK) for path in self.paths]
        return found if self.behind.lmtp else found[:1]

    def abandon(self) -> None:
        self._end("abandoned")

    def _end(self, how: str) -> None:
        assert not self.state, f"{how} after {self.state}"
        self.state = how


@implementer(IReception)
class FakeReception:
    """A reception that accepts all mail unless `answers` has another answer.

    The keys of `answers` are an address for RCPT, `mail` for MAIL, `rules` for the check of the
    message, and `end of ADDRESS` for the end of the message.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.all: list[FakeTransaction] = []
        self.coming: list[list[str]] = []
        self.lmtp = False
        self.gone = False
        self.added = b""  # put in front before filters are asked
        self.received = b""  # put in front after filters were asked

    def connected(self, client: Client) -> Answer[Status | None]:
        return None

    def hello(self, client: Client) -> Answer[Extensions | Status | None]:
        return None

    def transaction(self, client: Client, envelope: Envelope) -> Answer[ITransaction | Status]:
        status: Status | None = self.answers.get("mail")
        if status is not None:
            return status
        self.all.append(FakeTransaction(self, envelope))
        return self.all[-1]

    def disconnected(self) -> None:
        self.gone = True


class ChainServices:
    """The services of a chain. Filters are named `first`, `second`, `third`, `fourth`."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.events = RecordingEvents()
        self.counters = Counts()

    def chain(self, *filters: Any, observing: bool = False) -> Chain:
        """Return a chain of filters or links."""
        names = ("first", "second", "third", "fourth")
        links = [
            each if isinstance(each, ChainLink) else ChainLink(name, each)
            for name, each in zip(names, filters, strict=False)
        ]
        return Chain(links, self.counters, self.clock, self.events, observing)
