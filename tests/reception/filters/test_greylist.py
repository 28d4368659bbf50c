"""Greylisting (RFC 6647): who is new waits, who comes back is known."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.filters.block import Greylist
from mailhost.interfaces import FilterFailed
from mailhost.message.verdict import PASS, Decision, Mail, Stage
from mailhost.reception.filters.block.greylist import Greylisted
from mailhost.reception.filters.block.greylist_memory import (
    CLEAN_EVERY,
    GreylistMemory,
    MemoryLost,
)
from tests.fakes import address, envelope, now, path
from tests.queue.fakes import here
from tests.reception.filters.mails import CLIENT

MAIL = Mail(Stage.RECIPIENT, CLIENT, envelope(sender="sue@far.example"), path("ann@a.example"))
MINUTE, DAY = 60.0, 86400.0


class GreylistTests(SynchronousTestCase):
    """Time is what the test says."""

    def setUp(self) -> None:
        self.now = 1e9
        self.path = self.mktemp()
        self.memory = self.open()
        self.filter = self.make()

    def open(self) -> GreylistMemory:
        """Another process's hold of the same file."""
        memory = GreylistMemory(self.path, lambda: self.now)
        self.addCleanup(memory.close)
        return memory

    def make(self, **settings: Any) -> Greylisted:
        return Greylisted(Greylist(kind="greylist", **settings), self.memory, here)

    def passes(self, mail: Mail = MAIL, filter: Greylisted | None = None) -> bool:
        """True where it is let in; a 451 otherwise."""
        verdict = now((filter or self.filter).look(mail))
        if verdict is not PASS:
            self.assertIs(verdict.decision, Decision.DEFER)
            self.assertEqual(str(verdict.status)[:9], "451 4.7.1")
        return verdict is PASS

    def test_a_link_is_not_followed_to_make_the_file(self) -> None:
        os.symlink(os.path.abspath(self.path + ".target"), self.path)
        self.assertRaises(MemoryLost, self.memory.wait, "n", "s", "r", 1.0, 2.0, 3.0)
        self.assertFalse(os.path.exists(self.path + ".target"))

    def test_first_refused_then_taken(self) -> None:
        self.assertFalse(self.passes())
        self.now += 4 * MINUTE
        self.assertFalse(self.passes())
        self.now += MINUTE
        self.assertTrue(self.passes())

    def test_the_words_tell_how_long(self) -> None:
        self.passes()
        self.now += MINUTE
        verdict = now(self.filter.look(MAIL))
        assert verdict.status is not None
        self.assertIn("try again in 240 seconds", verdict.status.words)

    def test_who_came_back_is_known_with_all_its_mail(self) -> None:
        self.passes()
        self.now += 5 * MINUTE
        self.passes()
        neighbour = replace(CLIENT, ip="192.0.2.200")
        other = replace(MAIL, client=neighbour, recipient=path("bob@a.example"))
        self.assertTrue(self.passes(other))
        self.assertFalse(self.passes(replace(other, client=replace(CLIENT, ip="192.0.3.7"))))

    def test_another_sender_or_recipient_is_new(self) -> None:
        self.passes()
        self.now += 5 * MINUTE
        self.assertFalse(self.passes(replace(MAIL, recipient=path("bob@a.example"))))
        self.assertFalse(self.passes(replace(MAIL, envelope=envelope(sender="eve@far.example"))))

    def test_too_late_is_new(self) -> None:
        self.passes()
        self.now += 2 * DAY + 1
        self.assertFalse(self.passes())
        self.now += 5 * MINUTE
        self.assertTrue(self.passes())

    def test_known_until_it_stays_away(self) -> None:
        self.passes()
        for _ in range(3):
            self.now += 34 * DAY if _ else 5 * MINUTE
            self.assertTrue(self.passes())
        self.now += 36 * DAY
        self.assertFalse(self.passes())

    def test_networks_of_ipv6(self) -> None:
        self.passes(replace(MAIL, client=replace(CLIENT, ip="2001:db8::1")))
        self.now += 5 * MINUTE
        self.assertTrue(self.passes(replace(MAIL, client=replace(CLIENT, ip="2001:db8::2"))))
        self.assertFalse(self.passes(replace(MAIL, client=replace(CLIENT, ip="2001:db8:0:1::1"))))

    def test_who_is_never_asked(self) -> None:
        known = self.make(networks=["192.0.2.0/28"])
        self.assertTrue(self.passes(filter=known))
        account = replace(CLIENT, account=address("ann@a.example"))
        self.assertTrue(self.passes(replace(MAIL, client=account)))
        self.assertTrue(self.passes(replace(MAIL, client=replace(CLIENT, ip="::1"))))
        self.assertFalse(os.path.exists(self.path))

    def test_two_processes_know_the_same(self) -> None:
        self.passes()
        self.now += 5 * MINUTE
        other = Greylisted(Greylist(kind="greylist"), self.open(), here)
        self.assertTrue(self.passes(filter=other))
        self.assertTrue(self.passes())

    def test_what_is_over_is_forgotten(self) -> None:
        self.passes()
        self.now += 2 * DAY + CLEAN_EVERY
        self.passes(replace(MAIL, recipient=path("bob@a.example")))
        database = self.memory._database()
        [(count,)] = database.execute("SELECT count(*) FROM seen").fetchall()
        self.assertEqual(count, 1)

    def test_a_file_that_cannot_be_used(self) -> None:
        os.mkdir(self.path)
        looking = self.filter.look(MAIL)
        failure = self.failureResultOf(Deferred.fromCoroutine(looking), FilterFailed)  # type: ignore[arg-type]
        self.assertIn(self.path, str(failure.value))
        os.rmdir(self.path)
        self.assertFalse(self.passes())
