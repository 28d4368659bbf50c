"""Short faults below a loaded host: refused with a reason meanwhile, nothing lost, soon back."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from tests.end_to_end.running import short_folder
from tests.soak.faults import FAULTS, Suffered, suffer


class Faults(TestCase):
    def suffer(self, name: str) -> Suffered:
        """What a second of it comes to."""
        found = suffer(name, short_folder(self) / "host", seconds=1.0)
        self.assertTrue(found.good, found)
        self.assertLess(found.recovery, float("inf"), found)
        return found

    def test_what_refuses_mail(self) -> None:
        for name in ("ENOSPC", "EIO on sync"):
            found = self.suffer(name)
            self.assertGreater(found.refused, 0, found)

    def test_corrupt_entries_stop_nothing(self) -> None:
        self.assertIn("corrupt entries in the queue", FAULTS)
        self.assertGreater(self.suffer("corrupt entries in the queue").taken, 0)
