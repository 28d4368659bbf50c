"""The memory of greylisting: its file, shared by processes."""

from __future__ import annotations

import os
from dataclasses import replace

from twisted.internet.defer import Deferred

from mailhost.config.filters.block import Greylist
from mailhost.interfaces.filters import FilterFailed
from mailhost.reception.filters.block.greylist import GreylistFilter
from mailhost.reception.filters.block.greylist_memory import (
    CLEANING_INTERVAL,
    MemoryUnavailable,
)
from tests.fakes import path
from tests.queue.fakes import here
from tests.reception.filters.block.greylisting import DAY, MAIL, MINUTE, GreylistCase


class MemoryTests(GreylistCase):
    def test_a_link_is_not_followed_to_make_the_file(self) -> None:
        os.symlink(os.path.abspath(self.path + ".target"), self.path)
        triplet = ("n", "s", "r")
        self.assertRaises(MemoryUnavailable, self.memory.wait, triplet, ["n"], 1.0, 2.0, 3.0)
        self.assertFalse(os.path.exists(self.path + ".target"))

    def test_two_processes_share_the_memory(self) -> None:
        self.passes()
        self.now += 5 * MINUTE
        other = GreylistFilter(Greylist(kind="greylist"), self.open(), self.dns, here)
        self.assertTrue(self.passes(filter=other))
        self.assertTrue(self.passes())

    def test_expired_rows_are_deleted(self) -> None:
        self.passes()
        self.now += 2 * DAY + CLEANING_INTERVAL
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
