"""Filters that say what a test wants, and a reception behind them that keeps what it gets."""

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
from mailhost.reception.filters.chain import Chain, Link
from tests.fakes import RecordingEvents

Says = Verdict | Exception | Awaitable[Verdict] | Callable[[Mail], Any]


@implementer(IFilter)
class Saying:
    """Says `says` at each of `stages`: a verdict, an exception, an awaitable, or what makes one."""

    def __init__(self, says: Says = PASS, *stages: Stage) -> None:
        self.stages: Collection[Stage] = stages or (Stage.MESSAGE,)
        self.says = says
        self.asked: list[Mail] = []

    def look(self, mail: Mail) -> Answer[Verdict]:
        self.asked.append(mail)
        says = self.says
        if isinstance(says, Exception):
            raise says
        if callable(says):
            says = says(mail)
        return says


@implementer(ISessionFilter)
class Visited:
    """Passes; notes what its visits hear."""

    stages = tuple(Stage)

    def __init__(self) -> None:
        self.heard: list[str] = []

    def visit(self, client: Client) -> IVisit:
        self.heard.append("visit")
        return OneVisit(self.heard)


@implementer(IVisit)
class OneVisit:
    """One client's visit."""

    stages = tuple(Stage)

    def __init__(self, heard: list[str]) -> None:
        self._heard = heard

    def look(self, mail: Mail) -> Verdict:
        self._heard.append(mail.stage.name)
        return PASS

    def abandon(self) -> None:
        self._heard.append("abandon")

    def leave(self) -> None:
        self._heard.append("leave")


@implementer(IFilter, IWitness)
class Watching:
    """Is never asked; keeps what it hears."""

    stages: Collection[Stage] = ()

    def __init__(self) -> None:
        self.heard: list[tuple[Mail, list[str], list[str]]] = []

    def look(self, mail: Mail) -> Verdict:
        raise AssertionError("nobody asked for it")

    def ended(self, mail: Mail, findings: Sequence[Finding], statuses: Sequence[Status]) -> None:
        self.heard.append((mail, [each.filter for each in findings], list(map(str, statuses))))


@implementer(IFilterable, ICollector)
class Behind:
    """One message for whoever stands behind. `over` is how it ended; a second end raises."""

    identity = "m1"
    opened: Status | None = Status(250, "2.1.0", "Welcome")

    def __init__(self, home: Home, envelope: Envelope) -> None:
        self.home = home
        self.envelope = envelope
        self.paths: list[str] = []
        self.over = ""
        self.begun = False
        self.content = b""

    def coming(self, paths: Sequence[ForwardPath]) -> None:
        self.home.coming.append([str(each.address) for each in paths])

    def recipient(self, path: ForwardPath) -> Answer[Status]:
        assert not self.over
        status: Status = self.home.answers.get(str(path.address), OK)
        if status.ok:
            self.paths.append(str(path.address))
        return status

    def begin(self) -> Answer[ICollector | Status]:
        assert not self.over
        self.begun = True
        return self

    def write(self, chunk: bytes) -> None:
        self.content += chunk

    def finish(self) -> Answer[Content | Status]:
        return Content((self.content,))

    def end(self, content: Content) -> Answer[Sequence[Status]]:
        raise AssertionError("it ends in three steps")

    def prepare(self, content: Content) -> Answer[Prepared | Status]:
        assert self.begun and not self.over
        refusal: Status | None = self.home.answers.get("rules")
        if refusal is not None:
            return refusal
        top = self.home.received
        return Prepared(content.after(self.home.added), top, top, self.identity, "")

    def leave(self, message: Prepared) -> Answer[Prepared | Status]:
        return message

    def hand_on(self, message: Prepared) -> Answer[Sequence[Status]]:
        assert self.begun
        self._end("ended")
        self.content = message.handed_on().read()
        found = [self.home.answers.get(f"end of {path}", OK) for path in self.paths]
        return found if self.home.lmtp else found[:1]

    def abandon(self) -> None:
        self._end("abandoned")

    def _end(self, how: str) -> None:
        assert not self.over, f"{how} after {self.over}"
        self.over = how


@implementer(IReception)
class Home:
    """A reception that takes all but what `answers` has something about: an address, `mail`, the
    `rules` that a message must keep, the `end of` an address."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.all: list[Behind] = []
        self.coming: list[list[str]] = []
        self.lmtp = False
        self.gone = False
        self.added = b""  # put in front before filters are asked
        self.received = b""  # and after

    def connected(self, client: Client) -> Answer[Status | None]:
        return None

    def hello(self, client: Client) -> Answer[Extensions | Status | None]:
        return None

    def transaction(self, client: Client, envelope: Envelope) -> Answer[ITransaction | Status]:
        status: Status | None = self.answers.get("mail")
        if status is not None:
            return status
        self.all.append(Behind(self, envelope))
        return self.all[-1]

    def disconnected(self) -> None:
        self.gone = True


class ChainWorld:
    """What a chain is made of. Links are named `first`, `second` ... but for `named` ones."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.events = RecordingEvents()
        self.counters = Counts()

    def chain(self, *filters: Any, observing: bool = False) -> Chain:
        """A chain of filters, or of links."""
        names = ("first", "second", "third", "fourth")
        links = [
            each if isinstance(each, Link) else Link(name, each)
            for name, each in zip(names, filters, strict=False)
        ]
        return Chain(links, self.counters, self.clock, self.events, observing)
