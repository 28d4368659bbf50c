"""Messages of this host: completed before they leave, and handed over by the part that can."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.alias_loops import AliasLoops
from mailhost.handover import Handover
from mailhost.interfaces.events import Faulted, Reported
from mailhost.interfaces.outgoing import IOutgoing, OwnMessage
from mailhost.message.address import Address
from mailhost.message.envelope import Envelope
from mailhost.message.status import Status
from mailhost.own_messages import complete, hand_over
from mailhost.reception.filters.block.rate import Rates
from mailhost.routing import Router
from tests.fakes import FakeDelivery, FakeDirectory, FakeQueue, domain, outgoing_of, view_of
from tests.queue.fakes import (
    BUSY,
    GOOD,
    SENDER,
    UNKNOWN,
    Events,
    FakeHandover,
    RunningQueue,
    envelope,
    message,
)

BOUNCE = OwnMessage(SENDER, Envelope(None), message(), "b1", "bounce", "m1")
REFUSAL = "m1: the bounce to <ann@here.example> was refused: "


class Refusing:
    """An IOutgoing that refuses all messages with `status`."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def leave(self, message: object) -> Status:
        return self._status


class Completing(SynchronousTestCase):
    """The last steps."""

    def setUp(self) -> None:
        self.events = Events()

    def complete(self, outgoing: IOutgoing) -> Deferred[OwnMessage | None]:
        author = Address("postmaster", "here.example")
        return Deferred.fromCoroutine(complete(BOUNCE, author, outgoing, self.events))

    def test_content_and_size_are_those_that_leave(self) -> None:
        done = self.successResultOf(self.complete(outgoing_of("here.example")))
        assert done is not None
        self.assertIn(b"Message-ID: <b1@here.example>", done.content.read())
        self.assertEqual(done.content.size, done.envelope.size)
        self.assertEqual(done, replace(BOUNCE, content=done.content, envelope=done.envelope))

    def test_a_refusal_for_now(self) -> None:
        failing = self.complete(cast("IOutgoing", Refusing(BUSY)))
        error = self.failureResultOf(failing, OSError).value
        self.assertIn(f"{REFUSAL}451", str(error))
        self.assertEqual([], self.events.told)

    def test_a_refusal_for_good_is_in_the_log_alone(self) -> None:
        self.assertIsNone(self.successResultOf(self.complete(cast("IOutgoing", Refusing(UNKNOWN)))))
        self.assertIn(f"{REFUSAL}550", self.events.of(Faulted)[0].line)


class HandingOver(SynchronousTestCase):
    """The handover."""

    def setUp(self) -> None:
        self.events = Events()
        self.handover = FakeHandover()

    def hand_over(self, status: Status) -> bool:
        self.handover.status = status
        handing = hand_over(BOUNCE, self.handover, self.events)
        return self.successResultOf(Deferred.fromCoroutine(handing))

    def test_safe(self) -> None:
        self.assertTrue(self.hand_over(GOOD))
        self.assertEqual([Reported("m1", "bounce", SENDER, "b1")], self.events.told)

    def test_refused_for_now(self) -> None:
        self.assertFalse(self.hand_over(BUSY))
        self.assertIn(f"{REFUSAL}451", self.events.of(Faulted)[0].line)

    def test_refused_for_good(self) -> None:
        self.assertTrue(self.hand_over(UNKNOWN))
        self.assertIn(f"{REFUSAL}550", self.events.of(Faulted)[0].line)


class FromTheHandover(SynchronousTestCase):
    """The handover finds a failure after a part of the message is safe, and hands its bounce over
    itself."""

    def test_a_bounce_to_another_host(self) -> None:
        queue, delivery, events = FakeQueue(), FakeDelivery(), Events()
        handover = Handover(
            FakeDirectory(view_of(domain("a.example", "ann bob"))),
            Router("mail.a.example"),
            delivery,
            queue,
            RunningQueue(self.mktemp()).reports,
            events,
            AliasLoops(Rates(Clock())),
        )
        delivery.answers["bob@a.example"] = Status(550, "5.2.1", "Closed")
        wanted = envelope("ann@a.example", "bob@a.example", sender=SENDER)
        taking = handover.take_or_queue(wanted, message(), "m1")
        self.assertTrue(self.successResultOf(Deferred.fromCoroutine(taking)).ok)
        (bounce, content, _), *others = queue.kept
        self.assertEqual(([], None), (others, bounce.reverse_path))
        self.assertIn(b"bob@a.example", content)
        (reported,) = events.of(Reported)
        self.assertEqual(("m1", "bounce", SENDER), (reported.identity, reported.kind, reported.to))
