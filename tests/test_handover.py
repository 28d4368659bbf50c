"""The answer is 2xx only when everything is safe, and nobody gets a message twice for another."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.alias_loops import AliasLoops
from mailhost.concurrency.pauses import Pause, no_pause
from mailhost.handover import Handover
from mailhost.interfaces.accounts import Account, KnownAccounts
from mailhost.interfaces.events import Attempted, Faulted
from mailhost.message.content import Content, FileSlice, OpenFile
from mailhost.message.envelope import Envelope, ForwardPath, Notify
from mailhost.message.outcome import Fate
from mailhost.message.status import LOCAL_ERROR, NO_STORAGE, Status
from mailhost.reception.filters.block.rate import Rates
from mailhost.routing import CAME_BACK, NO_SUCH_USER, Router
from tests.fakes import (
    DELIVERED,
    FULL,
    FakeDelivery,
    FakeDirectory,
    FakeNotices,
    FakeQueue,
    Pauses,
    RecordingEvents,
    address,
    domain,
    envelope,
    list_of,
    look_ups,
    now,
    path,
    view_of,
)

VIEW = view_of(
    domain(
        "a.example",
        "ann bob carol",
        {
            "pair": "ann bob",
            "other-pair": "ann bob",
            "mixed": "ann sue@far.example",
            "holed": "ann nobody",
            "unread": "ann postmaster",
            "to-ann": "ann",
            "far": "sue@far.example sam@far.example",
        },
    )
)
WITHOUT_BOB = view_of(domain("a.example", "ann carol"))
MESSAGE = Content((b"Subject: hello\r\n\r\nhello\r\n",))
LOOPED = Status(554, "5.4.6", "Mail loop")
SUCCESS = Notify.SUCCESS | Notify.FAILURE


class HandoverCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = FakeDirectory(VIEW)
        self.delivery = FakeDelivery()
        self.queue = FakeQueue()
        self.reports = FakeNotices()
        self.events = RecordingEvents()
        self.log: list[str] = []
        self.queue.log = self.delivery.log = self.reports.log = self.log
        self.handover = self.make()

    def make(self, pause: Pause = no_pause) -> Handover:
        """A handover over the fakes."""
        return Handover(
            self.directory,
            Router("mail.a.example"),
            self.delivery,
            self.queue,
            self.reports,
            self.events,
            AliasLoops(Rates(Clock())),
            pause,
        )

    def take_or_queue(self, *recipients: str | ForwardPath, sender: str = "sue@far.example") -> int:
        """Hand over as SMTP does and return the code of the one answer."""
        wanted = envelope(*self.paths(recipients), sender=sender)
        self.status = now(self.handover.take_or_queue(wanted, MESSAGE, "m1"))
        return self.status.code

    def take(self, *recipients: str | ForwardPath) -> list[int]:
        """Hand over as LMTP does and return the codes of the answers."""
        wanted = envelope(*self.paths(recipients))
        self.statuses = now(self.handover.take(wanted, MESSAGE, "m1"))
        return [status.code for status in self.statuses]

    def paths(self, recipients: Sequence[str | ForwardPath]) -> list[ForwardPath]:
        return [self.path(each) if isinstance(each, str) else each for each in recipients]

    def path(self, text: str, notify: Notify | None = None) -> ForwardPath:
        """A recipient; without a domain in ours."""
        return path(text if "@" in text else f"{text}@a.example", notify)

    def refuse(self, local: str, status: Status = FULL) -> None:
        self.delivery.answers[f"{local}@a.example"] = status

    def delivered(self) -> list[str]:
        """The local parts that have it."""
        return [each.removesuffix("@a.example") for each in self.delivery.delivered]

    def waiting(self) -> list[list[str]]:
        """The recipients of each queue entry, without our domain."""
        return [[each.removesuffix("@a.example") for each in e] for e in self.queue.waiting]

    def told(self) -> list[tuple[str, str]]:
        return [(fate, to.removesuffix("@a.example")) for fate, to in self.reports.told]


class KnownAccountsTests(HandoverCase):
    """Accounts that were found when the recipients were accepted."""

    def hand_over(self, known: KnownAccounts) -> list[str]:
        """Hand over for ann and bob, of whom ann is known, and return the accounts served."""
        wanted = envelope("ann@a.example", "bob@a.example")
        now(self.handover.take_or_queue(wanted, MESSAGE, "m1", known))
        return self.delivery.accounts

    def test_they_are_not_looked_up_again_while_the_directory_stands(self) -> None:
        found = {address("ann@a.example"): Account(address("found-before@a.example"))}
        served = self.hand_over(KnownAccounts(self.directory.view, found))
        self.assertEqual(served, ["found-before@a.example", "bob@a.example"])

    def test_they_are_once_it_has_changed(self) -> None:
        found = {address("ann@a.example"): Account(address("found-before@a.example"))}
        served = self.hand_over(KnownAccounts(replace(self.directory.view), found))
        self.assertEqual(served, ["ann@a.example", "bob@a.example"])


class HoldTests(HandoverCase):
    """Messages that are held for an operator."""

    def hold(self, *recipients: str) -> Status:
        wanted = envelope(*self.paths(recipients))
        return now(self.handover.hold(wanted, MESSAGE, "m1", "looks odd"))

    def test_it_waits_for_all_destinations_of_the_recipients(self) -> None:
        """Released, it goes to mailboxes and other hosts, which know no aliases."""
        self.assertTrue(self.hold("mixed", "bob+x", "to-ann", "holed").ok)
        self.assertEqual(self.waiting(), [["ann", "bob+x", "sue@far.example", "nobody"]])
        self.assertEqual((self.queue.held, self.delivered()), (["looks odd"], []))

    def test_what_could_only_be_bounced_is_refused(self) -> None:
        self.assertEqual(self.hold("nobody"), NO_SUCH_USER)
        marked = Content((b"Delivered-To: mixed@a.example\r\n", *MESSAGE.pieces))
        wanted = envelope(*self.paths(["mixed"]))
        self.assertEqual(now(self.handover.hold(wanted, marked, "m1", "odd")), CAME_BACK)
        self.assertEqual(self.waiting(), [])

    def test_where_it_cannot_be_kept(self) -> None:
        self.queue.answers = [NO_STORAGE]
        self.assertEqual(self.hold("ann"), NO_STORAGE)
        self.queue.bug = ValueError("oops")
        self.assertEqual(self.hold("ann").code, 451)
        self.assertEqual(len(self.events.of(Faulted)), 1)
        self.flushLoggedErrors(ValueError)
        self.directory.view, self.directory.outage = WITHOUT_BOB, "locked"
        self.assertEqual(self.hold("bob").enhanced, "4.3.0")


class ListTests(HandoverCase):
    """A thousand recipients that mean one list of a thousand are one list of a thousand."""

    def setUp(self) -> None:
        super().setUp()
        self.members = list_of(1000)
        self.directory.view = view_of(self.members)
        self.same = [f"list+{number}" for number in range(1000)]

    def test_each_member_gets_it_once(self) -> None:
        self.assertEqual(self.take_or_queue(*self.same), 250)
        self.assertEqual(len(self.delivered()), 1000)
        self.assertLess(look_ups(self.members), 10_000)

    def test_each_recipient_has_an_answer(self) -> None:
        self.refuse("u7")
        self.assertEqual(self.take(*self.same, "u7", "u8"), [250] * 1002)
        self.assertEqual(len(self.delivered()), 999)
        self.assertEqual(self.waiting(), [["u7"]])
        self.assertLess(look_ups(self.members), 10_000)

    def test_reports_of_success_that_were_asked_for_are_sent(self) -> None:
        wishes = [self.path(each, SUCCESS) for each in self.same[:3]]
        self.assertEqual(self.take_or_queue(*wishes, *self.same[3:6]), 250)
        expanded = [to for fate, to in self.told() if fate == "expanded"]
        self.assertEqual(expanded, self.same[:3])

    def test_other_work_is_done_between_the_parts(self) -> None:
        pauses = Pauses()
        self.handover = self.make(pauses)
        self.directory.view = view_of(list_of(5000))
        self.assertEqual(self.take_or_queue("list"), 250)
        self.assertEqual(len(self.delivered()), 5000)
        self.assertGreaterEqual(pauses.count, 10)

    def test_others_have_turns_while_thousands_are_told_of(self) -> None:
        pauses = Pauses()
        self.handover = self.make(pauses)
        gone = " ".join(f"gone{number}" for number in range(900))
        self.directory.view = view_of(domain("a.example", "ann", {"list": f"ann {gone}"}))
        self.assertEqual(self.take_or_queue("list"), 250)
        self.assertEqual(len(self.events.of(Attempted)), 900)
        self.assertGreaterEqual(pauses.count, 4)


class EverythingIsFineTests(HandoverCase):
    def test_local(self) -> None:
        self.assertEqual(self.take_or_queue("ann", "bob"), 250)
        self.assertEqual(str(self.status), "250 2.0.0 Taken as m1")
        self.assertEqual(self.delivered(), ["ann", "bob"])
        self.assertEqual(self.waiting(), [])

    def test_local_with_an_answer_each(self) -> None:
        self.assertEqual(self.take("ann", "bob"), [250, 250])

    def test_foreign_mail_is_queued_with_its_envelope_before_anybody_gets_it(self) -> None:
        self.assertEqual(self.take_or_queue("ann", "sue@far.example", "sam@far.example"), 250)
        self.assertEqual(self.log[:2], ["queue", "deliver"])
        self.assertEqual(self.waiting(), [["sue@far.example", "sam@far.example"]])
        kept, content, outcomes = self.queue.kept[0]
        self.assertEqual(kept.reverse_path, address("sue@far.example"))
        self.assertEqual((content, list(outcomes)), (MESSAGE.read(), []))

    def test_the_same_place_is_served_once_whoever_leads_there(self) -> None:
        codes = self.take("pair", "ann", "other-pair", "to-ann", "ann+x", "pair", "far", "far")
        self.assertEqual(codes, [250] * 8)
        self.assertEqual(self.delivered(), ["ann", "bob"])
        self.assertEqual(self.waiting(), [["sue@far.example", "sam@far.example"]])

    def test_parameters_are_handed_on_through_an_alias(self) -> None:
        self.take_or_queue(path("to-ann@a.example", Notify.NEVER, "rfc822;to@a.example"))
        (kept,) = self.delivery.tried
        self.assertEqual(kept, "ann@a.example")
        self.take_or_queue(path("far@a.example", Notify.NEVER, "rfc822;far@a.example"))
        for each in self.queue.kept[0][0].recipients:
            self.assertEqual((each.notify, each.original), (Notify.NEVER, "rfc822;far@a.example"))


class NothingIsTakenTests(HandoverCase):
    def test_a_full_disk_refuses_before_anybody_has_it(self) -> None:
        for take in (self.take_or_queue, self.take):
            self.queue.answers = [NO_STORAGE]
            self.assertIn(take("ann", "sue@far.example"), (452, [452, 452]))
            self.assertEqual((self.delivered(), self.waiting()), ([], []))
            self.assertEqual(self.reports.log.count("report"), 0)

    def test_the_client_keeps_what_no_mailbox_took(self) -> None:
        self.refuse("ann")
        self.refuse("bob", NO_STORAGE)
        self.assertEqual(self.take_or_queue("ann", "bob"), 452)
        self.assertEqual(self.take("ann", "pair"), [452, 452])
        self.assertEqual((self.waiting(), self.told()), ([], []))

    def test_a_reason_that_may_go_away_comes_first(self) -> None:
        self.refuse("ann", LOOPED)
        self.refuse("bob")
        self.assertEqual(self.take_or_queue("ann", "bob"), 452)
        self.refuse("bob", LOOPED)
        self.assertEqual(self.take_or_queue("ann", "bob"), 554)
        self.assertEqual((self.waiting(), self.told()), ([], []))

    def test_an_account_that_went_away_meanwhile(self) -> None:
        self.directory.view = WITHOUT_BOB
        self.assertEqual(self.take_or_queue("bob"), 550)
        self.assertEqual(self.status, NO_SUCH_USER)
        self.assertEqual(self.take("bob", "ann"), [550, 250])
        self.assertEqual(self.told(), [])

    def test_mail_for_postmaster_without_an_admin_waits_and_is_not_bounced(self) -> None:
        self.assertEqual(self.take_or_queue("unread"), 250)
        self.assertEqual(self.delivered(), ["ann"])
        self.assertEqual(self.waiting(), [["postmaster"]])
        self.assertEqual(self.told(), [])
        self.assertEqual(self.take("postmaster", "abuse"), [451, 451])

    def test_nobody_is_unknown_before_the_directory_was_refreshed(self) -> None:
        self.directory.view, self.directory.newer = WITHOUT_BOB, VIEW
        self.assertEqual(self.take_or_queue("bob"), 250)
        self.assertEqual(self.directory.refreshed, 1)
        self.assertEqual(self.take_or_queue("ann"), 250)
        self.assertEqual(self.directory.refreshed, 1)

    def test_nobody_is_unknown_while_the_directory_cannot_be_read(self) -> None:
        self.directory.outage = "locked"
        self.assertEqual(self.take("nobody", "ann"), [451, 451])
        self.assertEqual(self.statuses[0].cause, "locked")
        self.assertEqual(self.delivered(), [])


class PartlyTakenTests(HandoverCase):
    def test_who_cannot_have_it_now_waits_in_the_queue(self) -> None:
        self.refuse("ann")
        self.assertEqual(self.take_or_queue("ann", "bob"), 250)
        self.assertEqual((self.delivered(), self.waiting()), (["bob"], [["ann"]]))
        (deferral,) = self.queue.kept[0][2]
        self.assertEqual((deferral.fate, deferral.status), (Fate.DEFERRED, FULL))
        self.assertEqual(self.told(), [])

    def test_with_an_answer_each_the_client_is_told_of_its_own(self) -> None:
        self.refuse("ann")
        self.refuse("carol", LOOPED)
        self.assertEqual(self.take("ann", "bob", "carol", "sue@far.example"), [452, 250, 554, 250])
        self.assertEqual(self.statuses[0], FULL)
        self.assertEqual((self.waiting(), self.told()), ([["sue@far.example"]], []))

    def test_who_never_can_have_it_is_bounced(self) -> None:
        self.refuse("ann", LOOPED)
        self.assertEqual(self.take_or_queue("ann", "bob"), 250)
        self.assertEqual((self.waiting(), self.told()), ([], [("failed", "ann")]))

    def test_foreign_mail_in_the_queue_is_a_part(self) -> None:
        self.refuse("ann")
        self.refuse("bob", LOOPED)
        self.assertEqual(self.take_or_queue("ann", "bob", "sue@far.example"), 250)
        self.assertEqual(self.waiting(), [["sue@far.example"], ["ann"]])
        self.assertEqual(self.told(), [("failed", "bob")])

    def test_an_alias_with_a_hole_is_told_and_logged(self) -> None:
        for take in (self.take_or_queue, self.take):
            self.assertIn(take("holed"), (250, [250]))
        self.assertEqual(self.delivered(), ["ann", "ann"])
        self.assertEqual(self.told(), [("failed", "nobody")] * 2)
        (attempted, _) = self.events.of(Attempted)
        self.assertIn("m1 failed <nobody@a.example>: 550 5.1.1", attempted.line)

    def test_an_alias_has_one_answer_though_each_recipient_has_its_own(self) -> None:
        self.refuse("ann")
        self.assertEqual(self.take("mixed", "bob"), [250, 250])
        self.assertEqual(self.waiting(), [["sue@far.example"], ["ann"]])

    def test_an_alias_of_which_nobody_can_have_it_is_kept_by_the_client(self) -> None:
        self.refuse("ann")
        self.assertEqual(self.take("holed", "bob"), [452, 250])
        self.assertEqual((self.waiting(), self.told()), ([], []))

    def test_what_is_ours_through_one_recipient_is_safe_for_the_other_too(self) -> None:
        self.refuse("ann")
        self.assertEqual(self.take("ann", "pair"), [250, 250])
        self.assertEqual((self.delivered(), self.waiting()), (["bob"], [["ann"]]))

    def test_a_bounce_through_one_recipient_is_enough_for_the_other(self) -> None:
        self.refuse("ann", LOOPED)
        self.assertEqual(self.take("pair", "ann"), [250, 250])
        self.assertEqual(self.told(), [("failed", "ann")])


class NoRoomForTheRestTests(HandoverCase):
    """Some have it, and the disk is full for those who have not: twice is better than never."""

    def test_what_can_be_neither_delivered_nor_queued_is_refused_for_now(self) -> None:
        self.refuse("ann")
        self.queue.answers = [NO_STORAGE]
        self.assertEqual(self.take_or_queue("ann", "bob"), 452)
        self.assertEqual(self.status, NO_STORAGE)
        self.queue.answers = [NO_STORAGE]
        self.assertEqual(self.take("pair", "carol"), [452, 250])

    def test_a_bounce_that_cannot_be_written_now_waits_with_the_message(self) -> None:
        self.refuse("ann", LOOPED)
        for fault in (OSError("the sender's mailbox is full"), ValueError("a bug")):
            self.reports.fault = fault
            self.assertEqual(self.take_or_queue("ann", "bob"), 250)
        self.assertEqual(self.waiting(), [["ann"], ["ann"]])
        self.assertEqual([list(outcomes) for _, _, outcomes in self.queue.kept], [[], []])
        self.assertEqual(len(self.events.of(Faulted)), 2)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_a_failure_that_can_be_neither_told_nor_kept_is_asked_for_again(self) -> None:
        self.refuse("ann", LOOPED)
        self.reports.fault = OSError("full")
        self.queue.answers = [NO_STORAGE]
        self.assertEqual(self.take_or_queue("ann", "bob"), 452)

    def test_a_report_of_success_is_not_worth_a_refusal(self) -> None:
        self.reports.fault = OSError("full")
        self.assertEqual(self.take_or_queue(self.path("ann", SUCCESS)), 250)
        self.assertEqual(self.waiting(), [])
        self.assertIn("full", self.events.lines[0])


class ReportTests(HandoverCase):
    def test_success_is_told_where_it_is_asked_for(self) -> None:
        self.take_or_queue(self.path("ann", SUCCESS), "bob", self.path("carol", Notify.NEVER))
        self.assertEqual(self.told(), [("delivered", "ann")])

    def test_the_original_recipient_is_told_with_it(self) -> None:
        self.take_or_queue(path("to-ann@a.example", SUCCESS, "rfc822;To@a.example"))
        (outcome,) = self.reports.reported
        self.assertEqual(outcome.recipient.original, "rfc822;To@a.example")

    def test_nothing_is_told_to_the_null_reverse_path(self) -> None:
        self.refuse("ann", LOOPED)
        code = self.take_or_queue(self.path("ann", SUCCESS), self.path("bob", SUCCESS), sender="")
        self.assertEqual((code, self.told()), (250, []))

    def test_failure_is_not_told_where_it_is_not_wanted(self) -> None:
        self.refuse("ann", LOOPED)
        self.assertEqual(self.take_or_queue(self.path("ann", Notify.NEVER), "bob"), 250)
        self.assertEqual(self.told(), [])

    def test_of_an_expanded_alias_success_is_told_once(self) -> None:
        for take in (self.take_or_queue, self.take):
            self.reports.told.clear()
            take(self.path("pair", SUCCESS), self.path("pair", SUCCESS))
            self.assertEqual(self.told(), [("expanded", "pair")])

    def test_expanded_foreign_recipients_tell_no_success_but_failure(self) -> None:
        self.take_or_queue(self.path("far", SUCCESS))
        recipients = self.queue.kept[0][0].recipients
        self.assertEqual([each.notify for each in recipients], [Notify.FAILURE] * 2)

    def test_an_expansion_that_came_to_nothing_is_not_told(self) -> None:
        self.refuse("ann")
        self.refuse("bob")
        self.assertEqual(self.take(self.path("pair", SUCCESS), "carol"), [452, 250])
        self.assertEqual(self.told(), [])

    def test_one_copy_for_two_recipients_tells_what_either_wants(self) -> None:
        self.take_or_queue(self.path("ann", Notify.NEVER), self.path("to-ann", SUCCESS))
        self.assertEqual(self.told(), [("delivered", "ann")])
        self.take_or_queue("sue@far.example", self.path("far", Notify.NEVER))
        first = self.queue.kept[0][0].recipients[0]
        self.assertEqual(first.notify, Notify.FAILURE | Notify.DELAY)


class NeverRaisesTests(HandoverCase):
    def bug_is_told(self) -> None:
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.events.lines, ["handover: m1: ZeroDivisionError: oops"])
        self.events.told.clear()

    def test_a_bug_in_delivery(self) -> None:
        self.delivery.bug = ZeroDivisionError("oops")
        self.assertEqual(self.take_or_queue("ann"), 451)
        self.assertEqual(self.status, LOCAL_ERROR.because("ZeroDivisionError: oops"))
        self.bug_is_told()
        self.assertEqual(self.take("ann", "bob"), [451, 451])
        self.bug_is_told()

    def test_a_bug_in_delivery_does_not_send_foreign_mail_twice(self) -> None:
        self.delivery.bug = ZeroDivisionError("oops")
        self.assertEqual(self.take_or_queue("ann", "sue@far.example"), 250)
        self.assertEqual(self.waiting(), [["sue@far.example"], ["ann"]])
        self.bug_is_told()

    def test_a_transport_that_forgets_somebody(self) -> None:
        class Forgetful(FakeDelivery):
            async def deliver(self, *arguments: object, **more: object) -> list[object]:  # type: ignore[override]
                return []

        self.handover._delivery = Forgetful()
        self.assertEqual(self.take_or_queue("ann"), 451)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_a_bug_in_the_queue(self) -> None:
        self.queue.bug = ZeroDivisionError("oops")
        self.assertEqual(self.take_or_queue("sue@far.example", "ann"), 451)
        self.assertEqual(self.delivered(), [])
        self.bug_is_told()
        self.refuse("ann")
        self.assertEqual(self.take_or_queue("bob", "ann"), 451)
        self.bug_is_told()

    def test_a_bug_in_routing(self) -> None:
        class Broken:
            view = VIEW

            def refresh(self) -> Deferred[object]:
                raise ZeroDivisionError("oops")

        self.handover._directory = Broken()  # type: ignore[assignment]
        self.assertEqual(self.take("nobody", "ann"), [451, 451])
        self.bug_is_told()

    def test_nobody_at_all_is_never_taken(self) -> None:
        nobody = now(self.handover.take_or_queue(Envelope(None), MESSAGE, "m1"))
        self.assertEqual(nobody, LOCAL_ERROR)
        self.assertEqual(now(self.handover.take(Envelope(None), MESSAGE, "m1")), [])

    def test_what_delivery_answered_is_what_is_told(self) -> None:
        self.delivery.answers["ann@a.example"] = DELIVERED
        self.assertEqual(self.take("ann"), [250])


class UnreadableTests(HandoverCase):
    """The file that holds a large message cannot be read while it is handed over."""

    def setUp(self) -> None:
        super().setUp()
        path = self.mktemp()
        Path(path).touch()
        file = OpenFile(os.open(path, os.O_RDONLY))
        self.message = Content((FileSlice(file, 0, 100),))  # it has no octets at all

    def test_the_client_keeps_it(self) -> None:
        # an alias with a member elsewhere: the header tells where the message was before
        wanted = envelope(*self.paths(["ann", "mixed"]))
        statuses = now(self.handover.take(wanted, self.message, "m1"))
        self.assertEqual([451, 451], [status.code for status in statuses])
        self.assertIn("cannot be read", statuses[0].cause)
        self.assertEqual(([], []), (self.delivered(), self.waiting()))

    def test_none_is_held(self) -> None:
        wanted = envelope(*self.paths(["mixed"]))
        status = now(self.handover.hold(wanted, self.message, "m1", "a filter says so"))
        self.assertEqual(451, status.code)
        self.assertEqual([], self.waiting())
