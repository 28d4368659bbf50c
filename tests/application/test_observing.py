"""Filters of every kind that only watch: each finds something, and mail goes on as it came."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from pydantic import TypeAdapter
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.application.filters import FilterContext, make_chains
from mailhost.concurrency.answers import result_of
from mailhost.config.filters.common import Mode
from mailhost.config.filters.kinds import AnyFilter
from mailhost.config.model import Settings
from mailhost.config.protocol import ListenProtocol
from mailhost.interfaces.accounts import DirectoryView
from mailhost.message.content import Content
from mailhost.message.status import OK
from mailhost.milter.client import MilterTimeouts
from mailhost.milter.filter import MilterContext, MilterFilter
from mailhost.observe.counts import Counts
from mailhost.reception.filters.authenticity.known_clients import KnownClients
from mailhost.reception.filters.block.rate import Rates
from mailhost.reception.filters.chain import Chain, ChainLink
from mailhost.reception.filters.reception import FilteredReception
from mailhost.reception.filters.whole_messages import WholeMessages
from tests.fakes import FakeHandover, FakeQueue, RecordingEvents, envelope, now, path
from tests.milter.fake_milter import FakeMilter
from tests.queue.fakes import here
from tests.reception.filters.attachments import with_files
from tests.reception.filters.chain_fakes import FakeReception
from tests.reception.filters.fake_dns import DNS
from tests.reception.filters.mails import CLIENT

OWN = """
from mailhost.interfaces.filters import IFilter
from mailhost.message.content import Content
from mailhost.interfaces.verdict import Stage, discard, edit
from zope.interface import implementer

@implementer(IFilter)
class Zealous:
    stages = tuple(Stage)
    def look(self, mail):
        if mail.stage < Stage.MESSAGE:
            return discard("gone")
        return edit(mail.containing(Content((b"",))).sent_to().sent_by(None), "all")

make_filter = Zealous
"""
FILTERS: dict[str, dict[str, Any]] = {
    "list": {"entries": ["192.0.2.0/24"]},
    "dnslist": {"zones": ["bl"]},
    "greylist": {},
    "rate": {"limit": 1, "count_by": "recipient"},
    "size": {"limit": 1, "action": "discard"},
    "attachment": {"names": ["*.exe"], "action": "quarantine"},
    "match": {"part": "Subject", "pattern": "files"},
    "journal": {"to": "journal@a.example"},
    "header": {"remove": ["Subject"], "add": {"X-New": "1"}},
    "subject": {"prefix": "[EXTERN]"},
    "disclaimer": {"text": "Ltd"},
    "strip": {"names": ["*.exe"]},
    "rewrite": {
        "senders": {"sue@far.example": "eve@far.example"},
        "recipients": {"*@a.example": "*@b.example"},
    },
}
EDITS = ("h|X-Spam| yes", "i|0|X-First| 1", "m|1|Subject| changed", "b|new\\r\\n")
ENVELOPE = ("e|<eve@far.example>", "+|<eve@b.example>", "-|<ann@a.example>", "q|odd", "c")
CONTENT = Content((with_files(a_exe=b"MZ123"),))
TO = ("ann@a.example", "bob@a.example")


class ObservingTests(SynchronousTestCase):
    """The whole chain, or each filter by itself."""

    def setUp(self) -> None:
        self.home, self.queue = FakeReception(), FakeQueue()
        self.handover, self.counters = FakeHandover(), Counts()
        self.own = Path(self.mktemp()).with_suffix(".py").absolute()
        self.own.parent.mkdir(exist_ok=True)
        self.own.write_text(OWN)

    def chain(self, whole: bool) -> Chain:
        """All filters; the milter is a scripted one."""
        clock, events, folder = Clock(), RecordingEvents(), self.mktemp()
        Path(folder).mkdir()
        each = {} if whole else {"mode": "observe"}
        kinds = FILTERS | {"python": {"file": str(self.own)}}
        filters = [{"kind": kind, **keys, **each} for kind, keys in kinds.items()]
        settings = Settings(
            version=1,
            hostname="mx.a.example",
            data=folder,
            filter=TypeAdapter(tuple[AnyFilter, ...]).validate_python(filters),
            filter_mode=Mode.OBSERVE if whole else Mode.ENFORCE,
        )
        bench = WholeMessages(folder, 1000, here)
        context = FilterContext(
            cast(Any, clock),
            here,
            events,
            cast(Any, DNS(**{"7.2.0.192.bl".replace(".", "_"): ["127.0.0.2"]})),
            self.handover,
            cast(Any, SimpleNamespace()),
            Rates(clock),
            self.counters,
            bench,
            settings.hostname,
            settings.data,
            cast(Any, SimpleNamespace(view=DirectoryView())),
            cast(Any, SimpleNamespace()),
            KnownClients(cast(Any, Clock())),
        )
        made = make_chains(settings, context)[ListenProtocol.SMTP]
        milter = FakeMilter({"R": ["y|550 5.1.1 Not him"], "E": [*EDITS, *ENVELOPE]})
        around = MilterContext(milter, clock, MilterTimeouts(), "mx.a.example", here, bench.keep)
        link = ChainLink("milter", MilterFilter(around), observe=True)
        return Chain([*made.links, link], self.counters, clock, events, whole)

    async def send(self, chain: Chain) -> list[str]:
        """All replies to a message."""
        reception = FilteredReception(chain, CLIENT, self.home, self.queue)
        assert await result_of(reception.connected(CLIENT)) is None
        assert await result_of(reception.hello(CLIENT)) is None
        transaction: Any = await reception.transaction(CLIENT, envelope(sender="sue@far.example"))
        replies = [await result_of(transaction.recipient(path(each))) for each in TO]
        await result_of(transaction.begin())
        replies += await result_of(transaction.end(CONTENT))
        reception.disconnected()
        return list(map(str, replies))

    def test_nothing_is_done(self) -> None:
        for whole in (True, False):
            self.setUp()
            for _ in range(2):
                self.assertEqual(now(self.send(self.chain(whole))), [str(OK)] * 3)
            for behind in self.home.all:
                self.assertEqual(behind.state, "ended")
                self.assertEqual(str(behind.envelope.reverse_path), "sue@far.example")
                self.assertEqual(behind.paths, list(TO))
                self.assertEqual(behind.content, CONTENT.read())
            self.assertEqual((self.queue.kept, self.handover.taken), ([], []))

    def test_each_found_something(self) -> None:
        """Else the test above would show nothing."""
        chain = self.chain(False)
        now(self.send(chain))
        now(self.send(chain))  # the rate is for the second message
        found = {name for name, what in self.counters.filters if what.startswith("would ")}
        self.assertEqual(found, {*FILTERS, "python", "milter"})
        decisions = {what for name, what in self.counters.filters if name == "milter"}
        self.assertEqual(decisions, {"asked", "would reject", "would quarantine"})

    def test_each_would_do_it(self) -> None:
        for link in self.chain(False).links:
            chain = self.chain(False)
            chain.links = (replace(link, observe=False),)
            self.setUp()
            replies = now(self.send_or_not(chain)) + now(self.send_or_not(chain))
            same = [
                (behind.state, behind.paths, behind.content) == ("ended", list(TO), CONTENT.read())
                and str(behind.envelope.reverse_path) == "sue@far.example"
                for behind in self.home.all
            ]
            done = len(same) < 2 or not all(same) or set(replies) != {str(OK)}
            self.assertTrue(done or link.name == "journal", link.name)

    async def send_or_not(self, chain: Chain) -> list[str]:
        try:
            return await self.send(chain)
        except AssertionError:
            return ["refused"]
