"""Into mailboxes: what is put on top, what is left alone, and that nobody stops another."""

from __future__ import annotations

import errno
import os

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.delivery.local import LOOP, PART, LocalDelivery
from mailhost.interfaces.delivery import LocalRecipient
from mailhost.interfaces.events import Attempted, Faulted
from mailhost.interfaces.store import OVER_QUOTA
from mailhost.message.address import Address
from mailhost.message.beginning import HEADER_TOO_LARGE
from mailhost.message.content import HEADER_LIMIT, Content
from mailhost.message.envelope import Envelope
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import LOCAL_ERROR, Status
from mailhost.routing import Router
from tests.fakes import (
    DELIVERED,
    FULL,
    Pauses,
    RecordingEvents,
    domain,
    envelope,
    list_of,
    now,
    view_of,
)
from tests.memory_store import MemoryMailbox, MemoryStore

VIEW = view_of(
    domain("a.example", "ann bob jörg", {"team": "ann bob"}, quota=1000), also_example="a.example"
)
ROUTER = Router("mx.a.example", Address("bob", "a.example"))
MESSAGE = b"Received: from x by y; z\r\nA:\t\xff\x00 \r\nB:x\r\n\r\nbody\xfe\r\n"


class LocalCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.view = VIEW
        self.store = MemoryStore()
        self.events = RecordingEvents()
        self.delivery = LocalDelivery(self.store, self.events)

    def deliver(
        self, *to: str, message: bytes = MESSAGE, sender: str = "sue@far.example"
    ) -> list[Status]:
        """Deliver and return the statuses; the outcomes are in `outcomes`."""
        wanted = envelope(*to, sender=sender)
        recipients = self.recipients(wanted)
        delivery = self.delivery.deliver(wanted, Content((message,)), recipients, "m1")
        self.outcomes: list[Outcome] = list(now(delivery))
        self.assertEqual([each.recipient for each in self.outcomes], list(wanted.recipients))
        return [each.status for each in self.outcomes]

    def recipients(self, wanted: Envelope) -> list[LocalRecipient]:
        """The recipients with their accounts."""
        recipients = []
        for each in wanted.recipients:
            account = ROUTER.account_of(self.view, each.address)
            assert account is not None, each
            recipients.append(LocalRecipient(each, account))
        return recipients


class DeliveryTests(LocalCase):
    def test_the_message_lies_untouched_below_its_delivery_fields(self) -> None:
        self.assertEqual(self.deliver("ann@a.example"), [DELIVERED])
        self.assertEqual(
            self.store.boxes,
            {
                "ann@a.example": [
                    b"Return-Path: <sue@far.example>\r\nDelivered-To: ann@a.example\r\n" + MESSAGE
                ]
            },
        )
        self.assertEqual(self.outcomes[0].fate, Fate.DELIVERED)

    def test_more_header_than_is_read_may_hide_a_loop(self) -> None:
        header = b"A: 1\r\n" * (HEADER_LIMIT // 6) + b"Delivered-To: ann@a.example\r\n"
        self.assertEqual(self.deliver("ann@a.example", message=header), [HEADER_TOO_LARGE])
        self.assertEqual(self.store.boxes, {})

    def test_others_have_turns_between_many_recipients(self) -> None:
        pauses = Pauses()
        self.delivery = LocalDelivery(self.store, self.events, pauses)
        self.view = view_of(list_of(100))
        self.deliver(*(f"u{number}@a.example" for number in range(100)))
        self.assertEqual(len(self.store.boxes), 100)
        self.assertEqual(pauses.count, 100 // PART)

    def test_the_null_reverse_path(self) -> None:
        self.deliver("ann@a.example", sender="")
        self.assertTrue(self.store.boxes["ann@a.example"][0].startswith(b"Return-Path: <>\r\n"))

    def test_delivered_to_is_the_address_that_was_written_to(self) -> None:
        self.deliver("ANN+tag@also.example", "jörg@a.example", "postmaster@a.example")
        for box, to in (
            ("ann@a.example", "ANN+tag@also.example"),
            ("jörg@a.example", "jörg@a.example"),
            ("bob@a.example", "postmaster@a.example"),
        ):
            field = f"\r\nDelivered-To: {to}\r\n".encode()
            self.assertIn(field, self.store.boxes[box][0])

    def test_each_account_has_its_own_quota(self) -> None:
        self.store.quotas["bob@a.example"] = 10
        statuses = self.deliver("ann@a.example", "abuse@a.example")
        self.assertEqual(statuses, [DELIVERED, OVER_QUOTA])

    def test_every_outcome_is_told(self) -> None:
        self.store.answers["bob@a.example"] = FULL
        self.deliver("ann@a.example", "bob@a.example")
        told = self.events.of(Attempted)
        self.assertEqual([each.outcome for each in told], self.outcomes)
        self.assertEqual([each.serious for each in told], [False, True])

    def test_nobody_at_all(self) -> None:
        self.assertEqual(self.deliver(), [])


class LoopTests(LocalCase):
    def test_own_delivered_to_is_a_loop(self) -> None:
        top = b"Delivered-To: bob@a.example\r\ndelivered-to :\r\n ANN@A.example\r\n"
        statuses = self.deliver("ann@a.example", "bob@a.example", "jörg@a.example", message=top)
        self.assertEqual(statuses, [LOOP, LOOP, DELIVERED])
        self.assertEqual((LOOP.code, LOOP.enhanced), (554, "5.4.6"))
        self.assertEqual(self.outcomes[0].fate, Fate.FAILED)

    def test_what_we_deliver_ourselves_is_found(self) -> None:
        self.deliver("Ann+x@also.example")
        (first,) = self.store.boxes["ann@a.example"]
        self.assertEqual(self.deliver("ann+X@also.example", message=first), [LOOP])

    def test_what_only_looks_like_it_is_none(self) -> None:
        for message in (
            b"X-Delivered-To: ann@a.example\r\n\r\n",
            b"Subject: x\r\n Delivered-To: ann@a.example\r\n\r\n",
            b"Subject: x\r\n\r\nDelivered-To: ann@a.example\r\n",
            b"Delivered-To: ann@a.example.far.example\r\n\r\n",
        ):
            self.assertEqual(self.deliver("ann@a.example", message=message), [DELIVERED])


class OthersTests(LocalCase):
    """The failure of one recipient does not affect the others."""

    def check(self, answer: Status | Exception, wanted: Status) -> None:
        self.store.answers["ann@a.example"] = answer
        statuses = self.deliver("bob@a.example", "ann@a.example", "jörg@a.example")
        self.assertEqual(statuses, [DELIVERED, wanted, DELIVERED])
        self.assertEqual(sorted(self.store.boxes), ["bob@a.example", "jörg@a.example"])

    def test_over_quota(self) -> None:
        self.check(FULL, FULL)

    def test_a_disk_that_fails(self) -> None:
        error = OSError(errno.EIO, "broken")
        self.check(error, LOCAL_ERROR.because(f"ann@a.example: {error}"))

    def test_a_bug_is_logged_and_told(self) -> None:
        self.check(ZeroDivisionError("oops"), LOCAL_ERROR.because("ZeroDivisionError: oops"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        (fault,) = self.events.of(Faulted)
        self.assertEqual(fault.line, "delivery of m1 to ann@a.example: ZeroDivisionError: oops")

    def test_a_bug_with_a_single_recipient(self) -> None:
        self.store.answers["ann@a.example"] = ZeroDivisionError("oops")
        self.assertEqual(self.deliver("ann@a.example")[0].code, 451)
        self.flushLoggedErrors(ZeroDivisionError)

    def test_a_store_that_cannot_name_a_mailbox(self) -> None:
        class Choosy(MemoryStore):
            def inbox(self, account: Address) -> MemoryMailbox:
                if account.local == "ann":
                    raise ValueError("no folder can be called that")
                return super().inbox(account)

        self.delivery._store = self.store = Choosy()
        codes = [status.code for status in self.deliver("ann@a.example", "bob@a.example")]
        self.assertEqual(codes, [451, 250])
        self.flushLoggedErrors(ValueError)

    def test_a_slow_mailbox_does_not_keep_the_others_waiting(self) -> None:
        slow: Deferred[Status] = Deferred()

        class Slow:
            def deliver(self, *arguments: object) -> Deferred[Status]:
                return slow

        class Half(MemoryStore):
            def inbox(self, account: Address) -> MemoryMailbox:
                return Slow() if account.local == "ann" else super().inbox(account)  # type: ignore[return-value]

        self.delivery._store = self.store = Half()
        wanted = envelope("ann@a.example", "bob@a.example")
        coming = Deferred.fromCoroutine(
            self.delivery.deliver(wanted, Content((MESSAGE,)), self.recipients(wanted), "m1")
        )
        self.assertNoResult(coming)
        self.assertEqual(list(self.store.boxes), ["bob@a.example"])
        slow.callback(DELIVERED)
        outcomes = self.successResultOf(coming)
        self.assertEqual([each.fate for each in outcomes], [Fate.DELIVERED] * 2)


class UnreadableTests(LocalCase):
    def test_a_message_that_cannot_be_read_waits_for_all(self) -> None:
        def broken(content: Content) -> bytes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        self.patch(Content, "header", broken)
        codes = [status.code for status in self.deliver("ann@a.example", "bob@a.example")]
        self.assertEqual(codes, [451, 451])
        self.assertEqual(len(self.events.of(Attempted)), 2)
