"""Short floods: memory and descriptors stay bounded, and a normal client is served meanwhile.

`idle` and `large_messages` take half a minute to begin: `make soak` has them.
"""

from __future__ import annotations

import atexit
from typing import ClassVar

from twisted.trial.unittest import TestCase

from tests.end_to_end.running import RunningHost, remove_folder
from tests.end_to_end.shared import new_folder
from tests.soak import floods


class Floods(TestCase):
    """Floods with the same limits share a host."""

    hosts: ClassVar[dict[tuple[int, int], RunningHost]] = {}
    timeout = 300

    def host(self, limits: tuple[int, int]) -> RunningHost:
        if limits not in self.hosts:
            host = floods.host_with(limits, new_folder())
            atexit.register(remove_folder, host.folder)
            atexit.register(host.stop)
            self.hosts[limits] = host.start()
        return self.hosts[limits]

    def flooded(self, one: floods.Flood) -> floods.Flooded:
        """Return what half a second of a flood came to. How fast others are served then depends on
        the machine: `make soak` judges that."""
        found = floods.flood_of(one, self.host(floods.limits_of(one)), seconds=0.5)
        self.assertTrue(found.bounded, found)
        return found

    def test_connections(self) -> None:
        self.assertGreaterEqual(self.flooded(floods.connections).turned_away, 500)

    def test_crowd(self) -> None:
        self.assertGreaterEqual(self.flooded(floods.crowd).turned_away, 500)

    def test_slow_writers(self) -> None:
        self.flooded(floods.slow_writers)

    def test_starttls(self) -> None:
        self.flooded(floods.starttls)

    def test_guesses(self) -> None:
        self.flooded(floods.guesses)

    def test_noops(self) -> None:
        self.flooded(floods.noops)

    def test_no_reading(self) -> None:
        self.flooded(floods.no_reading)

    def test_large_ends(self) -> None:
        self.flooded(floods.few_large_ends)
