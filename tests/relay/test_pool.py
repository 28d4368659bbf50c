"""Connections that are kept, bounded and ended."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.model import Relay
from mailhost.interfaces.events import Attempted
from mailhost.relay.connect import Target
from mailhost.relay.nexthop import Destination
from mailhost.relay.pool import PLACES_WITHOUT_PAUSE, Connection, Pool
from mailhost.relay.tls.decision import HostFacts, TLSPolicies
from mailhost.relay.tls.plan import plan_for
from tests.fakes import now
from tests.relay.carrying import RelayCase


@dataclass
class IdleDialogue:
    """A dialogue that is open and has sent nothing."""

    alive = True
    transactions = 0
    most_transactions = 100


def idle_connection() -> Connection:
    """A connection that may be kept for the next message."""
    dialogue = cast("Any", IdleDialogue())
    target = Target("mx.x.example", "192.0.2.1", 25)
    return Connection(dialogue, target, plan_for(TLSPolicies(), HostFacts(target.name)))


class Reuse(RelayCase):
    def test_the_next_message_takes_the_idle_connection(self) -> None:
        self.send("a@x.example")
        self.send("b@x.example")
        self.assertEqual(1, self.mx1.connections)
        self.assertEqual(2, len(self.mx1.mail))
        self.assertNotIn("RSET", self.mx1.said)

    def test_an_idle_connection_ends_by_itself(self) -> None:
        self.send("a@x.example")
        self.turn(4.9)
        self.assertEqual(1, self.mx1.open)
        self.turn(0.2)
        self.assertEqual((0, "QUIT"), (self.mx1.open, self.mx1.said[-1]))
        self.send("b@x.example")
        self.assertEqual(2, self.mx1.connections)

    def test_one_that_the_host_ended_meanwhile_costs_nothing(self) -> None:
        for reply in ("lost", "421 4.4.2 idle for too long"):
            self.setUp()
            self.send("a@x.example")
            self.mx1.replies["MAIL FROM:<sue@far.example>"] = reply
            work = self.begin("b@x.example")
            self.net.settle()
            self.mx1.replies.clear()
            self.turn()
            self.assertTrue(self.successResultOf(work)[0].status.ok)

    def test_one_that_has_done_enough_is_ended(self) -> None:
        self.make({"messages_per_connection": 2})
        for _ in range(3):
            self.send("a@x.example")
        self.assertEqual((2, 3), (self.mx1.connections, len(self.mx1.mail)))

    def test_a_host_that_wants_few_messages(self) -> None:
        self.mx1.offers = ("PIPELINING", "LIMITS MAILMAX=1")
        self.send("a@x.example")
        self.send("a@x.example")
        self.assertEqual((2, 0), (self.mx1.connections, self.mx1.open))

    def test_none_is_kept_where_the_settings_say_so(self) -> None:
        self.make({"idle_timeout": 0})
        self.send("a@x.example")
        self.assertEqual(0, self.mx1.open)

    def test_stopping_ends_those_that_are_idle_and_those_that_would_be(self) -> None:
        self.send("a@x.example")
        busy = self.begin("a@y.example")
        self.net.settle()
        now(self.relay.stop())
        self.turn()
        self.assertTrue(self.successResultOf(busy)[0].status.ok)
        self.assertEqual((0, 0), (self.mx1.open, self.mx.open))

    def test_of_two_idle_connections_the_one_used_last_is_taken(self) -> None:
        """The other one comes nearer to its end: fewer connections are kept than were needed."""
        destination = Destination("x.example", 25)
        clock = Clock()
        pool = Pool(clock, Relay())
        first, second = (idle_connection() for _ in range(2))
        for connection in (first, second):
            pool.give(destination, connection)
        self.assertIs(second, pool.take(destination, lambda each: True))
        self.assertIs(first, pool.take(destination, lambda each: True))
        self.assertIsNone(pool.take(destination, lambda each: True))


class Bounds(RelayCase):
    def test_connections_to_one_destination(self) -> None:
        self.make({"connections_per_destination": 2})
        works = [self.begin("a@x.example") for _ in range(7)]
        self.turn()
        for work in works:
            self.successResultOf(work)
        self.assertEqual((2, 7), (self.mx1.most, len(self.mx1.mail)))

    def test_those_who_wait_are_served_in_order(self) -> None:
        self.make({"connections_per_destination": 1})
        for name in "abc":
            self.begin(f"{name}@x.example")
        self.turn()
        self.assertEqual(
            ["a@x.example", "b@x.example", "c@x.example"], [mail[0] for mail in self.mx1.mail]
        )

    def test_a_full_destination_does_not_stop_another(self) -> None:
        self.make({"connections_per_destination": 1})
        self.mx1.greeting = None
        self.begin("a@x.example")
        self.begin("b@x.example")
        self.assertIn("relayed", self.send("a@y.example")[0])

    def test_connections_in_all_idle_ones_count(self) -> None:
        self.make({"connections": 1})
        self.send("a@x.example")
        self.assertEqual(1, self.mx1.open)
        self.send("a@y.example")
        self.assertEqual((0, 1), (self.mx1.open, self.mx.open))

    def test_who_gives_up_waiting_leaves_the_queue(self) -> None:
        self.make({"connections_per_destination": 1})
        self.mx1.greeting = None
        first, second, third = (self.begin("a@x.example") for _ in range(3))
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.mx1.greeting = "220 there.example"
        self.turn(300)
        self.successResultOf(first)
        self.successResultOf(third)

    def test_an_attempt_that_is_cancelled_gives_its_place_and_connection_back(self) -> None:
        self.make({"connections_per_destination": 1})
        self.mx1.end = None
        work = self.begin("a@x.example")
        self.turn()
        work.cancel()
        self.failureResultOf(work, CancelledError)
        self.turn()
        self.assertEqual(0, self.mx1.open)
        self.mx1.end = "250 OK"
        self.assertIn("relayed", self.send("a@x.example")[0])


class Crowds(SynchronousTestCase):
    """Thousands who wait for a place, as for the domains of a long list."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.pool = Pool(self.clock, Relay(connections=100))
        self.places = [Destination(f"x{number}.example", 25) for number in range(4000)]

    def begin(self, destination: Destination, leaves: bool = False) -> Deferred[None]:
        """Ask for a place, and give it back at once where `leaves`."""

        async def use() -> None:
            await self.pool.enter(destination)
            if leaves:
                self.pool.leave(destination)

        return Deferred.fromCoroutine(use())

    def test_giving_up_and_serving_take_no_time_for_those_who_wait(self) -> None:
        before = time.thread_time()
        works = [self.begin(each) for each in self.places]
        for work in works[100:3000]:
            work.cancel()
            self.failureResultOf(work, CancelledError)
        for each in self.places[:100]:
            self.pool.leave(each)
        served = sum(work.called for work in works)
        self.assertEqual(3100, served)
        self.assertLess(time.thread_time() - before, 1)

    def test_others_have_turns_where_all_give_their_place_back_at_once(self) -> None:
        for each in self.places[:100]:
            self.begin(each)
        works = [self.begin(each, leaves=True) for each in self.places[100:]]
        self.pool.leave(self.places[0])
        self.assertEqual(PLACES_WITHOUT_PAUSE, sum(work.called for work in works))
        for _ in range(4000 // PLACES_WITHOUT_PAUSE):
            self.clock.advance(0)
        self.assertTrue(all(work.called for work in works))

    def test_destinations_take_turns(self) -> None:
        pool = Pool(self.clock, Relay(connections=1))
        first, second = self.places[:2]
        order: list[str] = []

        async def use(destination: Destination) -> None:
            await pool.enter(destination)
            order.append(destination.name)

        for each in (first, first, first, second):
            Deferred.fromCoroutine(use(each))
        pool.leave(first)
        pool.leave(first)
        self.assertEqual(["x0.example", "x0.example", "x1.example"], order)


class LongLists(RelayCase):
    def test_each_recipient_of_thousands_is_told_once(self) -> None:
        to = [f"a{number}@x.example" for number in range(1200)]
        work = self.begin(*to, "a@y.example")
        for _ in range(200):
            self.turn()
        outcomes = self.successResultOf(work)
        self.assertEqual([*to, "a@y.example"], [str(each.recipient.address) for each in outcomes])
        self.assertEqual(1201, len({each.outcome for each in self.events.of(Attempted)}))
        self.assertEqual(1201, len(self.events.of(Attempted)))
        self.assertEqual(12, len(self.mx1.mail))
