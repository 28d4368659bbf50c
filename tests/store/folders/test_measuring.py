"""Sizes and dates that are found out when they are asked for."""

from __future__ import annotations

import os

from mailhost.interfaces.folders import UNKNOWN_DATE
from mailhost.store.cache.pages import MOST_IN_PAGE
from mailhost.store.folders.measuring import dated, view
from mailhost.store.folders.refresh import refreshed
from mailhost.store.folders.transfer import copy
from tests.store.folders.accounts import AccountCase

FIRST = 1_400_000_000
MANY = MOST_IN_PAGE + 1


class Dates(AccountCase):
    def setUp(self) -> None:
        super().setUp()
        self.paths = []
        for number in range(MANY):
            path = os.path.join(self.root, "cur", f"{number + 1}.a:2,")
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
            os.utime(path, (FIRST + number, FIRST + number))
            self.paths.append(path)
        self.inbox.touch("cur")

    def test_those_of_many_files_are_looked_up_when_they_are_asked_for(self) -> None:
        self.assertEqual(set(refreshed(self.work, "").view.dates), {UNKNOWN_DATE})
        found = view(self.work, "", sizes=False, dates=True)
        self.assertEqual(list(found.dates), list(range(FIRST, FIRST + MANY)))
        self.assertIs(view(self.work, "", sizes=False, dates=True), found)

    def test_they_are_kept(self) -> None:
        dated(self.work, "")
        self.assertEqual(refreshed(self.opened(), "").view.dates[-1], FIRST + MANY - 1)

    def test_those_of_few_files_are_known_at_once(self) -> None:
        for path in self.paths[1:]:
            os.unlink(path)
        self.assertEqual(list(refreshed(self.work, "").view.dates), [FIRST])

    def test_a_file_that_is_gone_meanwhile(self) -> None:
        """As it is not seen to be gone, its message is shown once more."""
        refreshed(self.work, "")
        before = os.stat(f"{self.root}/cur")
        os.unlink(self.paths[0])
        os.utime(f"{self.root}/cur", ns=(before.st_mtime_ns, before.st_mtime_ns))
        began = self.now()
        dates = dated(self.work, "").view.dates
        self.assertIn(dates[0], range(int(began), int(self.now()) + 1))
        self.assertEqual(dates[1], FIRST + 1)

    def test_a_copy_has_the_date_of_its_message(self) -> None:
        refreshed(self.work, "")
        self.assertEqual(len(copy(self.work, "", [5], ".Other").uids), 1)
        self.assertEqual(list(dated(self.work, ".Other").view.dates), [FIRST + 4])
