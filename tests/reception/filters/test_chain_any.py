"""Whatever filters say, whoever refuses behind them: who was promised mail does not go without.

Chains of random filters, with faults, in front of a reception that refuses at random.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.concurrency.answers import there
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
from mailhost.reception.filters.chain import Chain, Link
from mailhost.reception.filters.reception import FilteredReception
from tests.fakes import FakeQueue, envelope, now, path
from tests.reception.filters.chain_fakes import ChainWorld, Home, Saying, Visited, Watching
from tests.reception.filters.mails import CLIENT

NAMES = ("ann@a.example", "bob@a.example", "eve@a.example")
EXTRA = "copy@a.example"
CONTENT = Content((b"Subject: x\r\n\r\nhello\r\n",))
NO, LATER = Status(550, "5.1.1", "Nobody of that name"), Status(451, "4.2.0", "Not now")
Say = Callable[[Mail], Any]


def with_copy(mail: Mail) -> Verdict:
    """One recipient more."""
    return edit(mail.sent_to(*mail.envelope.recipients, path(EXTRA)), "a copy")


def with_other_content(mail: Mail) -> Verdict:
    """Other content, where there is some."""
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
    """One run: the filters with their stages, and what is answered behind."""

    links: Sequence[tuple[Say, frozenset[Stage], bool, bool]]
    answers: dict[str, Status]
    changed: dict[str, Status]  # the answers once the content is there
    lmtp: bool


def worlds(says: list[Say]) -> st.SearchStrategy[World]:
    """Any run with filters that say these."""
    stages = st.frozensets(st.sampled_from(list(Stage)), min_size=1)
    link = st.tuples(st.sampled_from(says), stages, st.booleans(), st.booleans())
    keys = (*NAMES, EXTRA, *(f"end of {name}" for name in (*NAMES, EXTRA)), "mail")
    answers = st.dictionaries(st.sampled_from(keys), st.sampled_from([NO, LATER]), max_size=3)
    return st.builds(World, st.lists(link, max_size=3), answers, answers, st.booleans())


class AnyChainTests(SynchronousTestCase):
    """One message for three, through any chain."""

    def run_through(self, world: World) -> None:
        self.home, self.queue = Home(), FakeQueue()
        self.home.lmtp, self.home.answers = world.lmtp, dict(world.answers)
        self.watching = Watching()
        links = [
            Link(f"f{number}", Saying(says, *stages), observe, pass_errors)
            for number, (says, stages, observe, pass_errors) in enumerate(world.links)
        ]
        links += [Link("visited", Visited()), Link("watching", self.watching)]
        around = ChainWorld()
        chain = Chain(links, around.counters, around.clock, around.events)
        self.promised: list[str] = []
        self.replies: list[Status] = []
        now(self.send(FilteredReception(chain, CLIENT, self.home, self.queue), world))
        self.flushLoggedErrors()

    async def send(self, reception: FilteredReception, world: World) -> None:
        if await there(reception.connected(CLIENT)) is not None:
            return
        if isinstance(await there(reception.hello(CLIENT)), Status):
            return
        transaction = await reception.transaction(CLIENT, envelope())
        if isinstance(transaction, Status):
            return
        for name in NAMES:
            if (await there(transaction.recipient(path(name)))).ok:
                self.promised.append(name)
        if not self.promised:
            transaction.abandon()
            return
        await there(transaction.begin())
        self.home.answers = dict(world.changed)
        self.replies = list(await there(transaction.end(CONTENT)))

    @property
    def safe(self) -> set[str]:
        """Who has it, or will have it from the quarantine. SMTP has one answer for all."""
        has = {name for entry in self.queue.waiting for name in entry}
        for behind in self.home.all:
            if behind.over == "ended":
                refused = self.home.answers if self.home.lmtp else {}
                has |= {name for name in behind.paths if f"end of {name}" not in refused}
        return has

    @settings(deadline=None)
    @given(worlds(KEEPING))
    def test_who_was_promised_has_it(self, world: World) -> None:
        self.run_through(world)
        if len(self.replies) == len(self.promised):
            answers = zip(self.promised, self.replies, strict=True)
            told = {name for name, reply in answers if reply.ok}
        else:
            told = set(self.promised) if self.replies and self.replies[0].ok else set()
        self.assertLessEqual(told, self.safe)

    @settings(deadline=None)
    @given(worlds([*KEEPING, *LOSING]))
    def test_it_always_comes_to_an_end(self, world: World) -> None:
        self.run_through(world)
        for behind in self.home.all:
            self.assertIn(behind.over, ("ended", "abandoned"))
        if self.replies:
            self.assertEqual(len(self.watching.heard), 1)
            self.assertIn(len(self.replies), (1, len(self.promised)))
        self.assertLessEqual(sum(each.over == "ended" for each in self.home.all), 1)
        ended = [each for each in self.home.all if each.over == "ended"]
        self.assertFalse(ended and self.queue.kept, "both handed on and kept")
