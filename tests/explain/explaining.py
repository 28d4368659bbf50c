"""A host to be explained, made of its real rules, with a directory, mailboxes and DNS in memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any, cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.application.explain import question_of
from mailhost.config.filters.block import Greylist, List, Rate, Size
from mailhost.config.filters.edit import Rewrite
from mailhost.config.model import Listen, Relay, Route, Settings
from mailhost.config.protocol import ListenProtocol
from mailhost.config.secrets import Secrets
from mailhost.dkim.keys import make_ed25519_key
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.explain.explainer import Explainer, ExplainServices
from mailhost.explain.explanation import Explanation, Question
from mailhost.explain.session import commands_of
from mailhost.interfaces.signing import KeyState
from mailhost.message.status import Status
from mailhost.observe.counts import Counts
from mailhost.reception.context import ListenerContext
from mailhost.reception.filters.block.greylist import GreylistFilter
from mailhost.reception.filters.block.greylist_memory import GreylistMemory
from mailhost.reception.filters.block.listed import ListFilter
from mailhost.reception.filters.block.rate import RateFilter, Rates
from mailhost.reception.filters.block.size import SizeFilter
from mailhost.reception.filters.chain import Chain, ChainLink
from mailhost.reception.filters.edit.rewrite import RewriteFilter
from mailhost.reception.filters.reception import FilteredReception
from mailhost.reception.reception import Reception
from mailhost.reception.rules import Rules
from mailhost.reception.stopped import StoppedAddresses
from mailhost.relay.transport import RelayTransport
from mailhost.routing import Router
from mailhost.signing.key_files import KeyFiles
from mailhost.signing.key_ring import KeyRing
from mailhost.signing.key_work import pair_of
from mailhost.signing.rules import SigningRules
from mailhost.smtp.server.options import SessionOptions
from mailhost.smtp.server.session import Session
from mailhost.store.quota import quotas_of
from tests.fake_wire import FakeWire, drive
from tests.fakes import (
    FakeDirectory,
    FakeHandover,
    FakeQueue,
    RecordingEvents,
    address,
    domain,
    now,
    outgoing_of,
    view_of,
)
from tests.memory_store import MemoryStore
from tests.queue.fakes import here
from tests.reception.filters.chain_fakes import FakeFilter, FakeSessionFilter, FakeWitness
from tests.relay.fake_resolver import FakeResolver

VIEW = view_of(
    domain(
        "a.example",
        "ann bob jörg",
        {
            "team": "ann bob sue@far.example",
            "out": "sue@far.example",
            "a-loop": "b-loop",
            "b-loop": "a-loop",
        },
    ),
    domain("b.example", "kit", catch_all="kit"),
    domain("full.example", "max", quota=10),
    also_example="a.example",
)
RESOLVER = FakeResolver(
    {"far.example": [(10, "mx1.far.example"), (10, "gone.far.example"), (20, "mx2.far.example")]},
    {"mx1.far.example": ["192.0.2.9"], "mx2.far.example": ["2001:db8::9", "192.0.2.10"]},
)
NETWORK = ip_network("198.51.100.0/24")
ROUTE = {"to": "routed.example", "via": "smart.example:465", "user": "me"}
LIMIT = 100_000  # octets of a message
MOST_OF_FILTER = 5_000  # octets, for the filter
KEY = make_ed25519_key()


def settings(*protocols: str) -> Settings:
    listen = [
        Listen(protocol=ListenProtocol(each), endpoint=f"tcp:{port}", upstream=())
        for port, each in enumerate(protocols or ("smtp", "submission", "submissions", "lmtp"), 25)
    ]
    relay = Relay(networks=(NETWORK,), route=(Route.model_validate(ROUTE),))
    return Settings(
        version=1, hostname="mx.a.example", data="/nowhere", listen=tuple(listen), relay=relay
    )


class ExplainCase(SynchronousTestCase):
    """`explain` asks; `replies` has a real session with the same client instead."""

    filtered = True

    def setUp(self) -> None:
        self.make()

    clock: Any

    def make(self) -> None:
        """Make the host anew: nothing is counted or remembered."""
        self.settings = settings()
        self.clock = Clock()
        self.directory = FakeDirectory(VIEW)
        self.store = MemoryStore(quotas_of(self.directory))
        self.events, self.counts = RecordingEvents(), Counts()
        self.queue, self.handover = FakeQueue(), FakeHandover()
        self.router = Router("mx.a.example", address("ann@a.example"))
        links = self.links()
        self.chain = self.chain_of(links) if self.filtered else None
        self.stopped = StoppedAddresses()
        self.refused_logins: dict[str, Status] = {}
        self.relay = RelayTransport(
            self.clock,
            RESOLVER,
            self.settings.relay,
            Secrets({}),
            "mx.a.example",
            self.events,
        )
        files = KeyFiles("/nowhere", BlockingCommitter(OperatingSystem()).commit)
        self.ring = KeyRing(files, here, self.events)
        self.ring.use("a.example", [pair_of(KEY, "a.example", "s1", KeyState.ACTIVE, 0)])

    def links(self) -> list[ChainLink]:
        """Filters with and without effects, in all modes."""
        self.greylist = self.mktemp()
        memory = GreylistMemory(self.greylist, lambda: 1e9)
        self.addCleanup(memory.close)
        bad = List.model_validate(
            {"kind": "list", "look_at": "sender", "entries": ["sue@bad.example"]}
        )
        rewrite = Rewrite(kind="rewrite", recipients={"*@old.example": "*@a.example"})
        self.witness, self.visited = FakeWitness(), FakeSessionFilter()
        self.own = FakeFilter()
        return [
            ChainLink("bad", ListFilter(bad, self.clock, here, self.events)),
            ChainLink("watch", SizeFilter(Size(kind="size", limit=1)), observe=True),
            ChainLink("size", SizeFilter(Size(kind="size", limit=MOST_OF_FILTER))),
            ChainLink("rewrite", RewriteFilter(rewrite)),
            ChainLink("rate", RateFilter(Rate(kind="rate", limit=1), "rate", Rates(self.clock))),
            ChainLink("own", self.own, when=frozenset({"seldom"})),
            ChainLink("milter", self.visited),
            ChainLink("greylist", self.greylisting(memory)),
            ChainLink("events", self.witness),
        ]

    def greylisting(self, memory: GreylistMemory) -> GreylistFilter:
        return GreylistFilter(Greylist(kind="greylist"), memory, RESOLVER, here, (NETWORK,))

    def chain_of(self, links: Sequence[ChainLink]) -> Chain:
        return Chain(links, self.counts, self.clock, self.events)

    def options(self, protocol: ListenProtocol) -> SessionOptions:
        return SessionOptions("mx.a.example", LIMIT, lmtp=protocol is ListenProtocol.LMTP)

    def context(self, protocol: ListenProtocol) -> ListenerContext:
        rules = Rules("mx.a.example", login=protocol.needs_login, networks=(NETWORK,))
        return ListenerContext(
            rules,
            self.directory,
            self.router,
            self.store,
            self.handover,
            outgoing_of("mx.a.example"),
            os.path.abspath("."),
            here,
            self.events,
            stopped=self.stopped,
        )

    def question(self, sender: str, recipient: str, **more: Any) -> Question:
        return question_of(self.settings, sender, recipient, **more)

    def explain(self, sender: str, recipient: str, **more: Any) -> Explanation:
        """The explanation of a question to `question_of`, which must be there at once."""
        found: Explanation = now(self.asked(sender, recipient, **more))
        return found

    async def asked(self, sender: str, recipient: str, **more: Any) -> Explanation:
        """The explanation when it is there."""
        question = self.question(sender, recipient, **more)
        protocol = question.listen.protocol
        services = ExplainServices(
            self.settings,
            self.clock,
            self.directory,
            self.router,
            self.store,
            self.queue,
            self.relay,
            SigningRules(self.settings),
            self.ring,
            dict.fromkeys(ListenProtocol, self.chain) if self.chain else {},
            lambda client: self.refused_logins.get(str(client.account)),
        )
        context = None if protocol.proxied else self.context(protocol)
        return await Explainer(services, context, self.options(protocol)).explain(question)

    def replies(self, sender: str, recipient: str, **more: Any) -> list[str]:
        """The greeting, and the replies of a real session up to the first refusal."""
        question = self.question(sender, recipient, **more)
        protocol, client = question.listen.protocol, question.client
        reception: Any = Reception(self.context(protocol))
        if self.chain is not None:
            reception = FilteredReception(self.chain, client, reception, self.queue)
        wire = FakeWire()
        options = self.options(protocol)
        machine = Session(cast(Any, wire), client, reception, None, options, self.events)
        now(machine.greet())
        found = [wire.take().decode()]
        verb = "LHLO" if options.lmtp else "EHLO"
        for command in commands_of(
            f"{verb} {client.hello}",
            question.sender,
            question.recipient,
            question.size,
            question.tls,
        ):
            if not found[-1].startswith("2"):
                break
            now(drive(machine, command.encode() + b"\r\n"))
            found.append(wire.take().decode())
        machine.lost("done")
        return [each.removesuffix("\r\n").replace("\r\n", "\n") for each in found]
