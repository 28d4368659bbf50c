"""Waiting mail goes where it belongs now."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from mailhost.concurrency.answers import result_of
from mailhost.delivery.dispatch import HERE, NO_DOMAIN, PART, Dispatch
from mailhost.interfaces.events import Attempted
from mailhost.interfaces.queue import Carried, IRelay, ITransport, Lane, Lanes
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath, Notify
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import OK
from mailhost.queue.fair_schedule import FairSchedule
from mailhost.routing import NO_DIRECTORY, NO_POSTMASTER, NO_SUCH_USER, Router
from tests.fakes import (
    FakeDelivery,
    FakeDirectory,
    Pauses,
    RecordingEvents,
    address,
    domain,
    envelope,
    now,
    path,
    view_of,
)

OURS = view_of(domain("a.example", "ann b", {"team": "ann b"}), also_example="a.example")


@implementer(IRelay)
class FakeRelay:
    """Sends mail for each domain to a host of its own, all of `smart` to one."""

    def __init__(self) -> None:
        self.settings: object = "first"
        self.smart: set[str] = set()
        self.asked: list[tuple[str, str, int]] = []
        self.carried: list[Lane] = []
        self.forgotten: list[Hashable] = []

    def next_hop(self, sender: str, domain: str, attempts: int) -> Hashable:
        self.asked.append((sender, domain, attempts))
        return "smart" if domain in self.smart else f"mx.{domain}"

    def forget_failure(self, next_hop: Hashable) -> None:
        self.forgotten.append(next_hop)

    async def carry(
        self, lane: Lane, envelope: Envelope, content: Content, identity: str
    ) -> Carried:
        self.carried.append(lane)
        return Carried([Outcome(each, Fate.RELAYED, OK) for each in lane.recipients])


class DispatchCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = FakeDirectory(OURS)
        self.here, self.relay = FakeDelivery(), FakeRelay()
        self.events = RecordingEvents()
        self.pauses = Pauses()
        self.dispatch = Dispatch(
            self.directory, Router("mx.a.example"), self.here, self.relay, self.events, self.pauses
        )

    def lanes(self, *to: str | ForwardPath) -> Lanes:
        wanted = envelope(*to)
        lanes: Lanes = now(
            Deferred.fromCoroutine(result_of(self.dispatch.lanes(wanted, wanted.recipients, 3)))
        )
        return lanes

    def grouped(self, *to: str | ForwardPath) -> list[list[str]]:
        """The recipients of each lane."""
        return [[str(each.address) for each in lane.recipients] for lane in self.lanes(*to).lanes]

    def deliver(self, *to: str | ForwardPath) -> list[Outcome]:
        """Carry each lane, and return all outcomes."""
        wanted = envelope(*to)
        outcomes: list[Outcome] = []
        for lane in self.lanes(*to).lanes:
            carried = now(self.dispatch.carry(lane, wanted, Content((b"x",)), "m1"))
            self.assertIsNone(carried.bug)
            outcomes += carried.outcomes
        return outcomes

    def fates(self, *to: str) -> list[str]:
        return [f"{each.fate} {each.recipient.address}" for each in self.deliver(*to)]


class Grouping(DispatchCase):
    def test_provides(self) -> None:
        verifyObject(ITransport, self.dispatch)

    def test_one_lane_for_here_and_one_for_each_next_hop(self) -> None:
        self.relay.smart = {"c.example", "d.example"}
        self.assertEqual(
            self.grouped(
                "x@far.example",
                "ann@a.example",
                "y@far.example",
                "b@also.example",
                "z@c.example",
                "z@d.example",
            ),
            [
                ["x@far.example", "y@far.example"],
                ["ann@a.example", "b@also.example"],
                ["z@c.example", "z@d.example"],
            ],
        )
        self.assertEqual([("far.example", 3)], [each[1:] for each in self.relay.asked[:1]])
        self.assertEqual(3, len(self.relay.asked))

    def test_the_line_names_all_domains(self) -> None:
        self.assertEqual(self.lanes("ann@a.example", "b@also.example").line, "here")
        self.assertEqual(self.lanes("x@far.example", "x@b.example").line, "b.example,far.example")
        self.assertEqual(self.lanes("ann@a.example", "x@b.example").line, "b.example,here")
        self.assertEqual(self.lanes().line, "")

    def test_a_backlog_behind_a_smarthost_holds_up_no_other_domain(self) -> None:
        self.relay.smart = {"far.example", "b.example"}
        schedule = FairSchedule(8)
        for number in range(100):
            schedule.add(f"far{number}", self.lanes("x@far.example").line, True)
        schedule.add("b", self.lanes("x@b.example").line, True)
        taken = [turn[0] for _ in range(8) if (turn := schedule.take())]
        self.assertEqual(["far0", "b", "far1"], taken)

    def test_failures_of_other_hosts_alone_are_forgotten(self) -> None:
        self.dispatch.forget_failures(self.lanes("x@far.example", "ann@a.example", "x@b.example"))
        self.assertEqual(["mx.far.example", "mx.b.example"], self.relay.forgotten)

    def test_recipients_with_different_aliases_are_in_different_lanes(self) -> None:
        aliases = (address("team@a.example"),)
        marked = [replace(path(f"{name}@far.example"), through=aliases) for name in "xy"]
        self.assertEqual(
            self.grouped(*marked, "z@far.example"),
            [["x@far.example", "y@far.example"], ["z@far.example"]],
        )
        ann = replace(path("ann@a.example"), through=aliases)
        self.assertEqual(len(self.grouped(ann, "b@a.example")), 1)

    def test_one_address_twice_with_different_wishes(self) -> None:
        twice = [path("x@far.example"), path("x@far.example", Notify.NEVER)]
        self.assertEqual([each.recipient for each in self.deliver(*twice)], twice)

    def test_long_lists_are_cut_and_others_are_served_meanwhile(self) -> None:
        far = [f"u{number}@far.example" for number in range(PART * 2 + 1)]
        near = [f"u{number}@a.example" for number in range(PART + 1)]
        sizes = [len(each) for each in self.grouped(*far, *near)]
        self.assertEqual(sizes, [PART, PART, 1, PART, 1])
        self.assertEqual(self.pauses.count, 4)

    def test_lanes_stand_while_directory_and_routes_do(self) -> None:
        lanes = self.lanes("x@far.example")
        self.assertTrue(self.dispatch.stands(lanes))
        self.directory.view = view_of(domain("far.example", "x"))
        self.assertFalse(self.dispatch.stands(lanes))
        self.directory.view = OURS
        self.relay.settings = "second"
        self.assertFalse(self.dispatch.stands(lanes))


class Carrying(DispatchCase):
    def test_what_is_not_needed_is_not_asked(self) -> None:
        self.assertEqual(self.fates("ann@a.example"), ["delivered ann@a.example"])
        self.assertEqual(self.relay.carried, [])
        self.assertEqual(self.fates("x@far.example"), ["relayed x@far.example"])
        self.assertEqual(len(self.here.log), 1)

    def test_a_domain_that_moved_meanwhile(self) -> None:
        self.directory.view = view_of(domain("far.example", "x"))
        self.assertEqual(
            self.fates("x@far.example", "ann@a.example"),
            ["delivered x@far.example", "relayed ann@a.example"],
        )

    def test_without_any_domain_mail_waits_unless_the_host_relays_for_others(self) -> None:
        self.directory.view = view_of()
        self.assertEqual(self.fates("ann@a.example"), ["relayed ann@a.example"])
        self.dispatch._needs_domains = True
        (outcome,) = self.deliver("ann@a.example")
        self.assertEqual((outcome.fate, outcome.status), (Fate.DEFERRED, NO_DOMAIN))

    def test_the_account_is_handed_to_delivery(self) -> None:
        self.deliver("B+tag@also.example", "ann@a.example")
        self.assertEqual(self.here.accounts, ["b@a.example", "ann@a.example"])
        self.assertEqual(self.here.tried, ["B+tag@also.example", "ann@a.example"])

    def test_aliases_and_unknown_names_have_no_mailbox(self) -> None:
        outcomes = self.deliver("team@a.example", "nobody@a.example", "ann@a.example")
        self.assertEqual([each.status for each in outcomes[:2]], [NO_SUCH_USER] * 2)
        self.assertEqual(outcomes[2].fate, Fate.DELIVERED)
        logged: Sequence[Attempted] = self.events.of(Attempted)
        self.assertEqual([each.outcome for each in logged], outcomes[:2])

    def test_a_role_waits_while_there_is_no_admin(self) -> None:
        (outcome,) = self.deliver("postmaster@a.example")
        self.assertEqual((outcome.fate, outcome.status), (Fate.DEFERRED, NO_POSTMASTER))
        self.dispatch._router = Router("mx.a.example", address("b@a.example"))
        self.deliver("postmaster@a.example")
        self.assertEqual(self.here.accounts, ["b@a.example"])

    def test_not_unknown_before_the_directory_was_refreshed(self) -> None:
        self.directory.view = view_of(domain("a.example", "b"))
        self.directory.newer = OURS
        self.assertEqual(len(self.deliver("ann@a.example", "b@a.example")), 2)
        self.assertEqual(self.here.accounts, ["ann@a.example", "b@a.example"])
        self.assertEqual(self.directory.refreshed, 1)

    def test_a_directory_that_cannot_be_read(self) -> None:
        self.directory.outage = "locked"
        outcomes = self.deliver("nobody@a.example", "ann@a.example")
        self.assertEqual(outcomes[0].status, NO_DIRECTORY.because("locked"))
        self.assertEqual(outcomes[1].fate, Fate.DELIVERED)

    def test_next_hop_of_a_mailbox(self) -> None:
        self.assertIs(self.lanes("ann@a.example").lanes[0].next_hop, HERE)
