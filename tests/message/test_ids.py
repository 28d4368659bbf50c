"""Unique names."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.ids import maildir_name, new_id


class NameTests(SynchronousTestCase):
    def test_ids_are_unique_and_sort_by_time(self) -> None:
        names = [new_id() for _ in range(50_000)]
        self.assertEqual(len(set(names)), len(names))
        for name in names[:100]:
            self.assertRegex(name, re.compile(r"[0-9a-z]{16}"))
        self.assertLess(names[0], names[-1])
        self.assertEqual([name[:9] for name in names], sorted(name[:9] for name in names))

    def test_maildir_names(self) -> None:
        names = {maildir_name("mx.a.example", 1_700_000_000.25) for _ in range(1000)}
        self.assertEqual(len(names), 1000)
        for name in names:
            self.assertRegex(name, re.compile(r"1700000000\.M250000P\d+Q\d+\.mx\.a\.example"))
        escaped = maildir_name("a/b:c,d", 0.0)
        self.assertTrue(escaped.endswith(".a\\057b\\072c\\054d"))
