"""Short faults below a loaded host: refused with a reason meanwhile, nothing lost, soon back."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from tests.end_to_end.running import short_folder
from tests.soak.faults import CORRUPT, FAULTS, LOCKED, suffer

ELSEWHERE = (CORRUPT, LOCKED)  # in end_to_end/test_faults too, and long


class Faults(TestCase):
    timeout = 300

    def test_each(self) -> None:
        for name in FAULTS:
            if name in ELSEWHERE:
                continue
            found = suffer(name, short_folder(self) / "host", seconds=1.0)
            self.assertTrue(found.good and found.felt, found)
