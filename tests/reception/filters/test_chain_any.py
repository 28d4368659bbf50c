"""Each recipient that was accepted gets the message, whatever the verdicts of filters are.

Chains of random filters, with faults, in front of a reception that refuses at random.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.concurrency.answers import result_of
from mailhost.interfaces.verdict import (
    PASS,
    Decision,
    Mail,
    Stage,
    Verdict,
    defer,
    discard,
    edit,
    quarantine,
    reject,
    tag,
)
from mailhost.message.content import Content
from mailhost.message.status import Status
from mailhost.reception.filters.chain import Chain, ChainLink
from mailhost.reception.filters.reception import FilteredReception
from tests.fakes import FakeQueue, envelope, now, path
from tests.reception.filters.chain_fakes import (
    ChainServices,
    FakeFilter,
    FakeReception,
    FakeSessionFilter,
    FakeWitness,
)
from tests.reception.filters.mails import CLIENT

NAMES = ("ann@a.example", "bob@a.example", "eve@a.example")
EXTRA = "copy@a.example"
CONTENT = Content((b"Subject: x\r\n\r\nhello\r\n",))
NO, LATER = Status(550, "5.1.1", "Nobody of that name"), Status(451, "4.2.0", "Not now")
Say = Callable[[Mail], Any]


def with_copy(mail: Mail) -> Verdict:
    """Add a recipient."""
    return edit(mail.sent_to(*mail.envelope.recipients, path(EXTRA)), "a copy")


def with_other_content(mail: Mail) -> Verdict:
    """Replace the content if there is any."""
    return edit(mail.containing(Content((b"Subject: y\r\n\r\n",))), "other")


KEEPING: list[Say] = [
    lambda mail: PASS,
    lambda mail: tag("a", "tagged"),
    lambda mail: quarantine("odd"),
    lambda mail: reject("Go away"),
    lambda mail: defer("Later"),
    lambda mail: None,
    lambda mail: reject("Fine", code=250),
    lambda mail: Verdict(Decision.EDIT),
    lambda mail: 1 // 0,
    with_other_content,
    lambda mail: with_copy(mail) if mail.stage is Stage.MESSAGE else PASS,
    lambda mail: edit(mail.sent_by(None), "nobody"),
]
LOSING: list[Say] = [
    lambda mail: discard("unwanted"),
    lambda mail: edit(mail.sent_to(), "nobody") if mail.stage is Stage.MESSAGE else PASS,
]


@dataclass(frozen=True)
class World:
    """The filters of a run with their stages, and the answers of the reception behind."""

    links: Sequence[tuple[Say, frozenset[Stage], bool, bool]]
    answers: dict[str, Status]
    changed: dict[str, Status]  # the answers at the end of the message
    lmtp: bool


def worlds(answer: list[Say]) -> st.SearchStrategy[World]:
    """A strategy for runs with filters that give these answers."""
    stages = st.frozensets(st.sampled_from(list(Stage)), min_size=1)
    link = st.tuples(st.sampled_from(answer), stages, st.booleans(), st.booleans())
    keys = (*NAMES, EXTRA, *(f"end of {name}" for name in (*NAMES, EXTRA)), "mail")
    answers = st.dictionaries(st.sampled_from(keys), st.sampled_from([NO, LATER]), max_size=3)
    return st.builds(World, st.lists(link, max_size=3), answers, answers, st.booleans())


class AnyChainTests(SynchronousTestCase):
    """A message to three recipients, with any chain."""

    def run_through(self, services: World) -> None:
        self.behind, self.queue = FakeReception(), FakeQueue()
        self.behind.lmtp, self.behind.answers = services.lmtp, dict(services.answers)
        self.witness = FakeWitness()
        links = [
            ChainLink(f"f{number}", FakeFilter(answer, *stages), observe, pass_errors)
            for number, (answer, stages, observe, pass_errors) in enumerate(services.links)
        ]
        links += [ChainLink("visited", FakeSessionFilter()), ChainLink("watching", self.witness)]
        around = ChainServices()
        chain = Chain(links, around.counters, around.clock, around.events)
        self.promised: list[str] = []
        self.replies: list[Status] = []
        now(self.send(FilteredReception(chain, CLIENT, self.behind, self.queue), services))
        self.flushLoggedErrors()

    async def send(self, reception: FilteredReception, services: World) -> None:
        if await result_of(reception.connected(CLIENT)) is not None:
            return
        if isinstance(await result_of(reception.hello(CLIENT)), Status):
            return
        transaction = await reception.transaction(CLIENT, envelope())
        if isinstance(transaction, Status):
            return
        for name in NAMES:
            if (await result_of(transaction.recipient(path(name)))).ok:
                self.promised.append(name)
        if not self.promised:
            transaction.abandon()
            return
        await result_of(transaction.begin())
        self.behind.answers = dict(services.changed)
        self.replies = list(await result_of(transaction.end(CONTENT)))

    @property
    def safe(self) -> set[str]:
        """Return the recipients that got the message, or may get it from the quarantine. SMTP has
        one reply for all."""
        has = {name for entry in self.queue.waiting for name in entry}
        for behind in self.behind.all:
            if behind.state == "ended":
                refused = self.behind.answers if self.behind.lmtp else {}
                has |= {name for name in behind.paths if f"end of {name}" not in refused}
        return has

    @settings(deadline=None)
    @given(worlds(KEEPING))
    def test_each_accepted_recipient_gets_the_message(self, services: World) -> None:
        self.run_through(services)
        if len(self.replies) == len(self.promised):
            answers = zip(self.promised, self.replies, strict=True)
            told = {name for name, reply in answers if reply.ok}
        else:
            told = set(self.promised) if self.replies and self.replies[0].ok else set()
        self.assertLessEqual(told, self.safe)

    @settings(deadline=None)
    @given(worlds([*KEEPING, *LOSING]))
    def test_each_transaction_ends(self, services: World) -> None:
        self.run_through(services)
        for behind in self.behind.all:
            self.assertIn(behind.state, ("ended", "abandoned"))
        if self.replies:
            self.assertEqual(len(self.witness.calls), 1)
            self.assertIn(len(self.replies), (1, len(self.promised)))
        self.assertLessEqual(sum(each.state == "ended" for each in self.behind.all), 1)
        ended = [each for each in self.behind.all if each.state == "ended"]
        self.assertFalse(ended and self.queue.kept, "both handed on and kept")
