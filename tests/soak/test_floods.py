"""Short floods: memory and descriptors stay bounded, and a normal client is served meanwhile."""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from tests.end_to_end.running import short_folder
from tests.soak.floods import FLOODS, connections, crowd, flood, idle, large_messages

LONG = (idle, large_messages)  # they take half a minute to begin
FULL = (connections, crowd)


class Floods(TestCase):
    timeout = 300

    def test_bounded_and_others_are_served(self) -> None:
        for one in FLOODS:
            if one in LONG:
                continue
            found = flood(one, short_folder(self) / "host", seconds=1.0)
            self.assertTrue(found.bounded, found)  # how fast depends on the machine: `make soak`
            if one in FULL:
                self.assertGreaterEqual(found.turned_away, 500, found)
