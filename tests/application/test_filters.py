"""From settings to chains: who is in which, by what name, and what is wrong with them."""

from __future__ import annotations

import os
from dataclasses import replace
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any, cast

from pydantic import TypeAdapter
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.application.filters import (
    BadFilter,
    Chains,
    FilterContext,
    filter_names,
    filters_with_counts,
    make_chains,
)
from mailhost.config.explain import kinds
from mailhost.config.filters.common import Mode
from mailhost.config.filters.kinds import AnyFilter
from mailhost.config.model import Demo, Relay, Settings
from mailhost.config.protocol import ListenProtocol
from mailhost.interfaces.accounts import DirectoryView
from mailhost.interfaces.filters import IFilter
from mailhost.interfaces.verdict import PASS, Mail, Stage
from mailhost.message.address import parse_address
from mailhost.message.client import Client
from mailhost.observe.counts import Counts
from mailhost.reception.filters.authenticity.known_clients import KnownClients
from mailhost.reception.filters.authenticity.message_lookups import NoDNS
from mailhost.reception.filters.chain import ASKED_COUNT
from mailhost.reception.filters.whole_messages import WholeMessages
from tests.fakes import FakeHandover, RecordingEvents
from tests.queue.fakes import here

LEAST: dict[str, dict[str, Any]] = {
    "authenticity": {},
    "dnslist": {"zones": ["bl.example"]},
    "list": {"entries": ["192.0.2.1"]},
    "greylist": {},
    "rate": {"limit": 1},
    "attachment": {"names": ["*.exe"]},
    "size": {"limit": 1},
    "match": {"pattern": "x"},
    "journal": {"to": "j@a.example"},
    "events": {"file": "/nowhere/events"},
    "header": {"remove": ["X-A"]},
    "subject": {"prefix": "[X]"},
    "disclaimer": {"text": "x"},
    "strip": {"names": ["*.exe"]},
    "rewrite": {"senders": {"a@a.example": "b@a.example"}},
    "milter": {"endpoint": "tcp:127.0.0.1:8891"},
    "python": {"file": "etc/filters/no_invoices.py"},
}


class ChainsCase(SynchronousTestCase):
    def settings(
        self, *filters: dict[str, Any], mode: Mode = Mode.ENFORCE, trusted: str = "203.0.113.0/24"
    ) -> Settings:
        """Settings with these filters; `trusted` is a network that may relay."""
        read = TypeAdapter(tuple[AnyFilter, ...]).validate_python
        return Settings(
            version=1,
            hostname="mx.a.example",
            data=self.mktemp(),
            relay=Relay(networks=(ip_network(trusted),)),
            filter=read(list(filters)),
            filter_mode=mode,
        )

    def chains(self, *filters: dict[str, Any], **more: Any) -> Chains:
        """The chains of these filters."""
        settings = self.settings(*filters, **more)
        return make_chains(settings, self.context(settings))

    def context(self, settings: Settings) -> FilterContext:
        """Services, most of which do nothing."""
        nothing = cast(Any, SimpleNamespace(maildir=lambda path: None))
        bench = WholeMessages("/nowhere", 1000, here)
        return FilterContext(
            cast(Any, Clock()),
            here,
            RecordingEvents(),
            nothing,
            FakeHandover(),
            nothing,
            nothing,
            Counts(),
            bench,
            settings.hostname,
            settings.data,
            cast(Any, SimpleNamespace(view=DirectoryView())),
            cast(Any, SimpleNamespace()),
            KnownClients(cast(Any, Clock())),
        )

    def one(self, kind: str, **more: Any) -> dict[str, Any]:
        """A filter of a kind with what it needs at least."""
        return {"kind": kind, **LEAST[kind], **more}


class MakeTests(ChainsCase):
    """One chain for each kind of listener."""

    def test_every_kind_is_made(self) -> None:
        self.assertEqual(set(LEAST), set(kinds()))
        root = os.path.join(os.path.dirname(__file__), "..", "..")
        own = {"file": os.path.join(root, LEAST["python"]["file"])}
        each = [self.one(kind, **(own if kind == "python" else {})) for kind in LEAST]
        chain = self.chains(*each)[ListenProtocol.SMTP]
        self.assertEqual([link.name for link in chain.links], list(LEAST))
        self.assertEqual([link.name for link in chain.links if link.own], ["python"])
        self.assertEqual(chain.stages, set(Stage))

    def test_listeners(self) -> None:
        chains = self.chains(self.one("size", listeners=["smtp", "proxy"]), self.one("rate"))
        self.assertEqual({wire for wire in ListenProtocol if wire.takes_mail}, set(chains))
        self.assertEqual(
            [link.name for link in chains[ListenProtocol.PROXY].links], ["size", "rate"]
        )
        self.assertEqual([link.name for link in chains[ListenProtocol.LMTP].links], ["rate"])
        self.assertIs(chains[ListenProtocol.PROXY].links[0], chains[ListenProtocol.SMTP].links[0])

    def test_no_filters_no_chains(self) -> None:
        self.assertEqual(self.chains(), {})

    def test_how_each_is_treated(self) -> None:
        chains = self.chains(
            self.one("size", mode="observe", on_error="pass", when=["a"], unless=["b"], timeout=7),
            self.one("rate"),
            self.one("milter", timeout=7),
        )
        size, rate, milter = chains[ListenProtocol.SMTP].links
        self.assertTrue(size.observe and size.pass_errors)
        self.assertEqual((size.when, size.unless, size.seconds), ({"a"}, {"b"}, 7.0))
        self.assertFalse(rate.observe or rate.pass_errors)
        self.assertGreater(milter.seconds, 7)  # it has its own, for each answer
        self.assertFalse(chains[ListenProtocol.SMTP].observing)

    def test_who_is_known_is_not_greylisted(self) -> None:
        chain = self.chains(
            self.one("list", entries=["192.0.2.0/24"], action="tag", tag="known"),
            self.one("greylist"),
        )[ListenProtocol.SMTP]
        mail = Mail(Stage.RECIPIENT, Client("192.0.2.7"))
        greylist = chain.links[1]
        self.assertTrue(greylist.fits(mail))
        self.assertFalse(greylist.fits(replace(mail, tags=frozenset({"known"}))))

    def test_clients_that_may_relay_are_neither_looked_up_nor_greylisted(self) -> None:
        filters = self.one("dnslist"), self.one("greylist")
        mail = Mail(Stage.RECIPIENT, Client("192.0.2.7"))
        for trusted, passes in (("192.0.2.0/24", True), ("198.51.100.0/24", False)):
            for link in self.chains(*filters, trusted=trusted)[ListenProtocol.SMTP].links:
                answer = cast(IFilter, link.filter).look(mail)
                self.assertIs(answer is PASS, passes)
                if not passes:
                    cast(Any, answer).close()  # it would ask

    def test_a_chain_that_observes(self) -> None:
        chain = self.chains(self.one("size"), mode=Mode.OBSERVE)[ListenProtocol.SMTP]
        self.assertTrue(chain.observing and chain.links[0].observe)

    def test_what_cannot_be_made_names_its_key(self) -> None:
        for filter, text in (
            (self.one("list", file="/nowhere/list"), "cannot read /nowhere/list: No such file"),
            (self.one("list", entries=["nonsense"]), "'nonsense' is no IP address"),
            (self.one("rewrite", senders={"x": "y"}), "'x' is no address"),
            (self.one("python", file="/nowhere/own.py"), "cannot read /nowhere/own.py"),
            ({"kind": "python", "plugin": "none"}, "no Twisted plugin provides IFilterPlugin"),
        ):
            with self.assertRaises(BadFilter) as raised:
                self.chains(self.one("size"), filter)
            self.assertTrue(str(raised.exception).startswith("filter[2]: "), raised.exception)
            self.assertIn(text, str(raised.exception))


class DemoTests(ChainsCase):
    def test_nothing_is_asked_of_dns(self) -> None:
        settings = self.settings(self.one("authenticity"))
        demo = settings.model_copy(update={"demo": Demo(accounts=(parse_address("a@b.net"),))})
        for each, wanted in ((settings, False), (demo, True)):
            (link,) = make_chains(each, self.context(each))[ListenProtocol.SMTP].links
            resolver = cast(Any, link.filter)._services.resolver
            self.assertEqual(isinstance(resolver, NoDNS), wanted)


class ToldTests(ChainsCase):
    """The output of `mailhost filters`."""

    def test_names(self) -> None:
        filters = [self.one("size"), self.one("size"), self.one("rate", name="flood")]
        self.assertEqual(filter_names(self.settings(*filters).filter), ["size", "size 2", "flood"])

    def test_counts(self) -> None:
        counters = Counts()
        counters.filters.update(
            {("size", ASKED_COUNT): 5, ("size", "reject"): 2, ("gone", "reject"): 9}
        )
        settings = self.settings(self.one("size"), self.one("rate", mode="observe"))
        size, rate = filters_with_counts(settings, counters)
        self.assertEqual(
            size,
            {"name": "size", "kind": "size", "mode": "enforce", "asked": 5, "did": {"reject": 2}},
        )
        self.assertEqual((rate["mode"], rate["asked"], rate["did"]), ("observe", 0, {}))
