"""Our side of connections: addresses and names by sender domain, the order of IP versions."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailhost.config.model import Settings
from mailhost.interfaces.dns import Found, ILookUp, Question, Record, Reply
from mailhost.interfaces.events import Warned
from mailhost.relay.reverse_names import DAY, ReverseNames
from mailhost.relay.sources import Source, Sources, sources_of
from tests.fakes import RecordingEvents
from tests.fakes import envelope as envelope_to
from tests.relay.carrying import RelayCase

FOUR, SIX = "93.184.216.34", "2606:2800:220:1::1"
FAR = ["2001:db8::1", "192.0.2.1", "2001:db8::2"]
FAR_FOUR, FAR_SIX = ["192.0.2.1"], ["2001:db8::1", "2001:db8::2"]


def settings_of(sending: Any = None, **relay: Any) -> Settings:
    """Settings with one domain, a.example."""
    domain = {"a.example": {"sending": sending or {}}}
    head = {"version": 1, "hostname": "mail.here.example", "data": "/var/lib/mailhost"}
    return Settings.model_validate({**head, "relay": relay, "domain": domain})


class OrderTests(SynchronousTestCase):
    def order(self, settings: Settings, *nameless: str, sender: str = "") -> list[str]:
        """The order of FAR on a machine with FOUR and SIX."""
        sources = sources_of(settings, [FOUR, SIX], frozenset(nameless))
        return list(sources.of(sender).ordered(FAR))

    def test_the_settings(self) -> None:
        for families, found in (
            ("both", FAR),
            ("ipv4", FAR_FOUR),
            ("ipv6", FAR_SIX),
            ("ipv4-first", FAR_FOUR + FAR_SIX),
            ("ipv6-first", FAR_SIX + FAR_FOUR),
        ):
            self.assertEqual(self.order(settings_of(families=families)), found, families)

    def test_a_version_without_reverse_name_is_last(self) -> None:
        self.assertEqual(self.order(settings_of(), SIX), FAR_FOUR + FAR_SIX)
        self.assertEqual(self.order(settings_of(), FOUR), FAR_SIX + FAR_FOUR)
        self.assertEqual(self.order(settings_of(), FOUR, SIX), FAR)

    def test_an_order_of_the_settings_is_kept(self) -> None:
        self.assertEqual(self.order(settings_of(families="ipv6-first"), SIX), FAR_SIX + FAR_FOUR)

    def test_an_address_of_the_settings_counts_in_place_of_the_system_s(self) -> None:
        bound = settings_of(bind="2606:2800:220:1::2")
        self.assertEqual(self.order(bound, SIX), FAR)
        self.assertEqual(self.order(bound, "2606:2800:220:1::2"), FAR_FOUR + FAR_SIX)

    def test_a_domain_with_one_address_uses_its_version_alone(self) -> None:
        settings = settings_of({"address": FOUR})
        self.assertEqual(self.order(settings, sender="a.example"), FAR_FOUR)
        self.assertEqual(self.order(settings, sender="b.example"), FAR)

    def test_an_address_of_a_version_that_is_left_out_is_not_used(self) -> None:
        settings = settings_of({"address": SIX}, families="ipv4", bind=FOUR)
        found = sources_of(settings).of("a.example")
        self.assertEqual((found.addresses, found.versions), ((FOUR,), (4,)))

    def test_a_domain_with_both(self) -> None:
        settings = settings_of({"address": [FOUR, SIX]})
        self.assertEqual(self.order(settings, sender="a.example"), FAR)
        self.assertEqual(self.order(settings, SIX, sender="a.example"), FAR_FOUR + FAR_SIX)


class ByDomainTests(RelayCase):
    def setUp(self) -> None:
        super().setUp()
        sending = {"address": "192.0.2.88", "hello": "mail.a.example"}
        self.relay.sources = sources_of(settings_of(sending, bind="192.0.2.70"))

    def test_address_and_hello_are_those_of_the_sender_s_domain(self) -> None:
        for sender in ("ann@a.example", "bob@b.example", "", "eve@a.example"):
            self.send(envelope=envelope_to("x@y.example", sender=sender))
        self.assertEqual(self.net.bound, [("192.0.2.88", 0), ("192.0.2.70", 0)])  # both are kept
        hellos = [line for line in self.mx.said if line.startswith("EHLO")]
        self.assertEqual(hellos, ["EHLO mail.a.example", "EHLO us.example"])
        self.assertEqual(len(self.mx.mail), 4)

    def test_each_ip_version_has_its_own_address(self) -> None:
        """A connection by IPv6 that fails is followed by one by IPv4."""
        both = settings_of(bind=["2001:db8::70", "192.0.2.70"], families="ipv6-first")
        self.relay.sources = sources_of(both)
        del self.net.hosts["192.0.2.1"]  # the first host
        self.send("x@x.example")
        self.assertEqual(
            self.net.bound, [("192.0.2.70", 0), ("2001:db8::70", 0), ("192.0.2.70", 0)]
        )
        self.assertEqual(len(self.mx2.mail), 1)

    def test_a_host_of_another_version_waits(self) -> None:
        self.relay.sources = Sources(Source(versions=(6,)))
        work = self.begin("x@y.example")
        self.turn()
        [outcome] = self.successResultOf(work)
        self.assertEqual((outcome.status.code, outcome.status.enhanced), (451, "4.4.4"))
        self.assertIn("IPv4 addresses alone", outcome.status.text)

    def test_an_address_from_which_no_connection_is_made_is_in_the_reason(self) -> None:
        self.net.hosts = {}
        work = self.begin(envelope=envelope_to("x@y.example", sender="ann@a.example"))
        self.turn()
        [outcome] = self.successResultOf(work)
        self.assertIn("(from 192.0.2.88)", outcome.status.text)

    def test_a_route_leaves_from_there_too(self) -> None:
        self.make({"route": [{"via": "smart.example"}]})
        self.relay.sources = Sources(Source(("192.0.2.70",)))
        self.send("x@y.example")
        self.assertEqual(self.net.bound, [("192.0.2.70", 0)])


@implementer(ILookUp)
class FakeLookUp:
    """Reverse names by address."""

    def __init__(self) -> None:
        self.found = {"34.216.184.93.in-addr.arpa": Found.RECORDS}
        self.asked: list[str] = []

    def look_up(self, question: Question[Record]) -> Any:
        self.asked.append(question.name)
        return succeed(Reply(self.found.get(question.name, Found.NO_DOMAIN)))


class ReverseNamesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.dns, self.events = Clock(), FakeLookUp(), RecordingEvents()
        self.sources = Sources()
        self.names = ReverseNames(self.clock, self.dns, self.events, self.use, lambda: [FOUR, SIX])
        self.names.reconfigure(settings_of())

    def use(self, sources: Sources) -> None:
        """As the relay takes them."""
        self.sources = sources

    @property
    def versions(self) -> tuple[int, ...]:
        """The order now."""
        return self.sources.usual.versions

    def warnings(self) -> list[str]:
        """The texts in the log."""
        return [each.line for each in self.events.of(Warned)]

    def test_nothing_is_asked_before_the_start(self) -> None:
        self.assertEqual((self.dns.asked, self.versions), ([], ()))

    def test_a_version_without_a_name_is_last_and_in_the_log_once(self) -> None:
        self.names.start()
        self.assertEqual(self.versions, (4, 6))
        self.clock.advance(DAY)
        [text] = self.warnings()
        self.assertIn(SIX, text)
        self.assertIn("IPv6 is used last", text)

    def test_a_name_that_comes_later(self) -> None:
        self.names.start()
        self.dns.found = dict.fromkeys(self.dns.asked, Found.RECORDS)
        self.clock.advance(DAY)
        self.assertEqual(self.versions, ())

    def test_dns_that_does_not_answer_changes_nothing(self) -> None:
        self.names.start()
        self.dns.found = dict.fromkeys(self.dns.asked, Found.FAILED)
        self.clock.advance(DAY)
        self.assertEqual(self.versions, (4, 6))

    def test_addresses_of_no_public_network_are_not_asked_about(self) -> None:
        names = ReverseNames(self.clock, self.dns, self.events, self.use, lambda: ["10.0.0.1"])
        names.reconfigure(settings_of(bind="127.0.0.1"))
        names.start()
        self.assertEqual((self.dns.asked, self.versions), ([], ()))

    def test_other_settings_are_looked_up_at_once(self) -> None:
        self.names.start()
        self.dns.asked.clear()
        self.names.reconfigure(settings_of(bind="93.184.216.35"))
        self.assertIn("35.216.184.93.in-addr.arpa", self.dns.asked)
        self.assertEqual(self.versions, ())  # neither has a name

    def test_after_the_end(self) -> None:
        self.names.start()
        self.names.stop()
        self.dns.asked.clear()
        self.clock.advance(2 * DAY)
        self.assertEqual(self.dns.asked, [])
