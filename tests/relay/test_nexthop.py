"""The next hop: a route of the settings, or the domain."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.relay.nexthop import choose_destination
from tests.relay.fake_resolver import route


class Destinations(SynchronousTestCase):
    routes = (
        route("*", "partner.example", "one.example:587"),
        route("ours.example", "*", "[::1]:2525"),
        route("*", "*.sub.example", "two.example"),
        route("*", "slow.example", "three.example", after=3),
        route("*", "slow.example", "never.example"),
    )

    def choose(self, sender: str, recipient: str, attempts: int = 0) -> tuple[str, int]:
        """The name and port of the destination."""
        found = choose_destination(self.routes, 25, sender, recipient, attempts)
        return found.name, found.port

    def test_the_first_route_that_fits_wins(self) -> None:
        table = {
            ("far.example", "partner.example"): ("one.example", 587),
            ("ours.example", "partner.example"): ("one.example", 587),
            ("ours.example", "x.example"): ("::1", 2525),
            ("far.example", "a.sub.example"): ("two.example", 25),
            ("far.example", "sub.example"): ("sub.example", 25),
            ("", "x.example"): ("x.example", 25),
        }
        for (sender, recipient), expected in table.items():
            self.assertEqual(expected, self.choose(sender, recipient), (sender, recipient))

    def test_after_some_attempts(self) -> None:
        self.assertEqual(("slow.example", 25), self.choose("a.example", "slow.example", 2))
        self.assertEqual(("three.example", 25), self.choose("a.example", "slow.example", 3))
