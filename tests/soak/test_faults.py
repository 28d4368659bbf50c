"""Short faults below a loaded host: refused with a reason meanwhile, nothing lost, soon back.

A corrupt queue and a locked directory are in end_to_end/test_faults too, and take long here: `make
soak` has them.
"""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from tests.end_to_end.running import short_folder
from tests.soak.faults import CORRUPT, FAULTS, LOCKED, Victim, endure


class Faults(TestCase):
    timeout = 300

    def test_each(self) -> None:
        """One after the other, on the same host."""
        victim = Victim(short_folder(self) / "host")
        self.addCleanup(victim.stop)
        for name in FAULTS:
            if name not in (CORRUPT, LOCKED):
                found = endure(name, victim, seconds=1.0, calm=0.2, clients=4)
                self.assertTrue(found.good and found.felt, found)
