"""Short floods: memory stays bounded, and a normal client is served meanwhile."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from tests.end_to_end.running import short_folder
from tests.soak.floods import FLOODS, flood, guesses, starttls

MOST = 60.0  # megabytes more than before, with thousands of connections
HASHING = 200.0  # the same for guesses: checking a password is made to take memory


class Floods(TestCase):
    def test_memory_is_bounded_and_others_are_served(self) -> None:
        for one in FLOODS:
            if one is starttls:
                continue  # costs time alone, which is no matter for an assertion
            with self.subTest(one.__name__):
                found = flood(one, short_folder(self) / "host", seconds=2.0)
                most = HASHING if one is guesses else MOST
                self.assertLess(found.memory_most - found.memory_before, most, found)
                self.assertGreater(found.messages, 0)
