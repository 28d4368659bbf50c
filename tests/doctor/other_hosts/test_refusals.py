"""Replies of other hosts, as findings."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.other_hosts.checks import TRACE_UNREADABLE, refusals_check
from mailhost.doctor.other_hosts.refusals import REFUSED_BY_OTHERS
from mailhost.interfaces.events import Event
from mailhost.message.outcome import Fate
from mailhost.message.status import NO_STORAGE, Status
from mailhost.trace.schema import database_path
from tests.fakes import now
from tests.queue.fakes import here
from tests.trace.samples import NO_USER, NOON, attempted, make_trace, received, relayed

UNAUTHENTICATED = Status(550, "5.7.26", "This mail is unauthenticated. 1si gsmtp")
YAHOO_SLOW = Status(421, "4.7.0", "[TSS04] Messages temporarily deferred due to user complaints")
MICROSOFT = Status(550, "5.7.515", "Access denied, sending domain does not meet the level")
GREYLISTED = Status(450, "4.2.0", "Greylisted, please try again in 300 seconds")


class RefusalsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.data = self.mktemp()
        os.mkdir(self.data)

    def found(self, *events: Event, at: float = NOON) -> Sequence[Finding]:
        """The findings of the check an hour after these events, without the last one."""
        if events:
            make_trace(self.data, *events, at=at)
        check = refusals_check(here, self.data, lambda: NOON + 3600)
        *found, self.rest = now(check.run())
        self.assertIs(self.rest.verdict, Verdict.OK)
        return found

    def test_no_trace(self) -> None:
        self.assertEqual(self.found(), [])
        self.assertEqual(self.rest.seen, "no other host has accepted any")

    def test_each_known_code_has_a_remedy(self) -> None:
        found = self.found(
            relayed("one", "a@gmail.com", Fate.FAILED, UNAUTHENTICATED),
            relayed("two", "b@gmail.com", Fate.FAILED, UNAUTHENTICATED),
            relayed("three", "a@hotmail.com", Fate.FAILED, MICROSOFT, "mx1.hotmail.com"),
        )
        gmail, microsoft = found
        self.assertIs(gmail.fault, REFUSED_BY_OTHERS)
        self.assertEqual((gmail.verdict, microsoft.verdict), (Verdict.FAILURE, Verdict.FAILURE))
        self.assertIn("to Gmail", gmail.tried)
        self.assertIn("refused for 2 recipients: ", gmail.seen)
        self.assertIn(
            "For two gmail-smtp-in.l.google.com [192.0.2.25] said: 550 5.7.26", gmail.seen
        )
        self.assertIn("mailhost dns DOMAIN --check", gmail.remedy)
        self.assertIn("`mailhost trace two`", gmail.remedy)
        self.assertIn("to Microsoft", microsoft.tried)

    def test_reasons_of_others_are_no_fault(self) -> None:
        found = self.found(
            relayed("one", "a@far.example", Fate.FAILED, NO_USER),
            relayed("two", "b@far.example", Fate.DEFERRED, GREYLISTED),
        )
        self.assertEqual(found, [])
        self.assertIn("1 refused for reasons of others, mostly far.example: ", self.rest.seen)
        self.assertIn("1 waiting for reasons of others", self.rest.seen)

    def test_what_arrived_in_the_end_is_no_fault(self) -> None:
        found = self.found(
            relayed("one", "a@gmail.com", Fate.DEFERRED, Status(421, "4.7.26", "1si gsmtp")),
            relayed("one", "a@gmail.com", Fate.RELAYED),
        )
        self.assertEqual(found, [])
        self.assertEqual(self.rest.seen, "accepted for 1 recipient")

    def test_several_recipients(self) -> None:
        self.found(*(relayed(each, "a@gmail.com", Fate.RELAYED) for each in ("one", "two")))
        self.assertEqual(self.rest.seen, "accepted for 2 recipients")

    def test_mail_that_waits_is_left_to_the_check_of_the_queue(self) -> None:
        slow = relayed("one", "a@yahoo.com", Fate.DEFERRED, YAHOO_SLOW, "mta5.am0.yahoodns.net")
        self.assertEqual(self.found(slow), [])
        self.assertEqual(self.rest.seen, "no other host has accepted any")

    def test_what_was_removed_from_the_queue_waits_no_more(self) -> None:
        late = relayed("one", "a@far.example", Fate.DEFERRED, GREYLISTED)
        self.assertEqual(self.found(late, at=NOON - 13 * 3600), [])
        self.assertNotIn("waiting", self.rest.seen)

    def test_the_longest_delay(self) -> None:
        self.found(relayed("one", "a@far.example", Fate.DEFERRED, GREYLISTED), at=NOON - 9000)
        self.found(relayed("one", "a@far.example", Fate.RELAYED))
        self.assertIn("the longest delay was 2.5 hours, for far.example", self.rest.seen)

    def test_mail_of_this_host_and_old_mail(self) -> None:
        found = self.found(received("one"), attempted("one", fate=Fate.DEFERRED, status=NO_STORAGE))
        found = [
            *found,
            *self.found(
                relayed("two", "a@gmail.com", Fate.FAILED, UNAUTHENTICATED), at=NOON - 4 * 86_400
            ),
        ]
        self.assertEqual(found, [])

    def test_a_damaged_trace(self) -> None:
        os.mkdir(os.path.dirname(database_path(self.data)))
        with open(database_path(self.data), "wb") as file:
            file.write(b"no database" * 1000)
        found: Any = now(refusals_check(here, self.data).run())
        self.assertEqual([each.fault for each in found], [TRACE_UNREADABLE])
        self.assertIs(found[0].verdict, Verdict.UNKNOWN)
