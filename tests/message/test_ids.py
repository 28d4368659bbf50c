"""Unique names."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.ids import new_id


class NameTests(SynchronousTestCase):
    def test_ids_are_unique_and_sort_by_time(self) -> None:
        names = [new_id() for _ in range(50_000)]
        self.assertEqual(len(set(names)), len(names))
        for name in names[:100]:
            self.assertRegex(name, re.compile(r"[0-9a-z]{16}"))
        self.assertLess(names[0], names[-1])
        self.assertEqual([name[:9] for name in names], sorted(name[:9] for name in names))
