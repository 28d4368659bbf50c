"""STORE where another program has made a change that nobody has seen yet (RFC 7162 §3.1.3)."""

from __future__ import annotations

import os

from mailhost.interfaces.folders import FlagsSet
from mailhost.store.folders.adding import add
from mailhost.store.folders.flag_changes import set_flags
from tests.store.folders.accounts import AccountCase, adding, message


class UnseenChangeTests(AccountCase):
    """Another program gives a file another flag, in the same tick of the file system's clock as the
    change before: no mtime tells."""

    def setUp(self) -> None:
        super().setUp()
        add(self.work, "", [message(b"one")])
        self.before = self.view()
        cur = os.path.join(self.root, "cur")
        times = os.stat(cur)
        (name,) = os.listdir(cur)
        os.rename(os.path.join(cur, name), os.path.join(cur, f"{name}S"))
        os.utime(cur, ns=(times.st_atime_ns, times.st_mtime_ns))
        self.assertIs(self.view(), self.before)

    def store(self, since: int | None) -> FlagsSet:
        return set_flags(self.work, "", [1], adding("\\Flagged"), since)

    def test_it_is_left_as_it_is(self) -> None:
        result = self.store(self.before.highest_modseq)
        self.assertEqual((list(result.modified), list(result.expunged)), ([1], []))
        self.assertEqual(self.flags(), {1: {"\\Seen"}})
        self.assertGreater(self.view().modseqs[0], self.before.highest_modseq)
        again = self.store(self.view().highest_modseq)
        self.assertEqual(list(again.modified), [])
        self.assertEqual(self.flags(), {1: {"\\Seen", "\\Flagged"}})

    def test_without_a_condition_both_changes_are_kept(self) -> None:
        self.assertTrue(self.store(None).changed)
        self.assertEqual(self.flags(), {1: {"\\Seen", "\\Flagged"}})
