"""The next hop of mail for another domain: a route of the settings, or the domain's MX hosts.

`mx` finds the hosts of a next hop and their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailhost.config.model import Route, RouteTLS
from mailhost.config.types import split_host_port
from mailhost.message.domains import fits
from mailhost.relay.sources import USUAL, Source


@dataclass(frozen=True, slots=True)
class Destination:
    """A next hop, by which mail is grouped: one route, or the MX hosts of one domain.

    `port` is where its hosts are reached unless they say otherwise. A name of a route is looked up
    without MX records. `source` is our side of connections to them.
    """

    name: str
    port: int
    route: Route | None = None
    source: Source = USUAL

    def __hash__(self) -> int:
        """Of the name and the port: that of a route costs more than looking it up is worth."""
        return hash((self.name, self.port))

    @property
    def tls(self) -> RouteTLS:
        """The TLS that the route asks for."""
        return self.route.tls if self.route else RouteTLS.OPPORTUNISTIC


def choose_destination(
    routes: Sequence[Route],
    port: int,
    sender: str,
    recipient: str,
    attempts: int,
    source: Source = USUAL,
) -> Destination:
    """Return where mail between two domains goes at this attempt; the first route that fits wins.

    `sender` is empty for the null reverse-path. `attempts` counts those made before.
    """
    for route in routes:
        if fits(route.sender, sender) and fits(route.recipient, recipient):
            if attempts < route.after_attempts:
                break
            host, route_port = split_host_port(route.via, 25)
            return Destination(host, route_port, route, source)
    return Destination(recipient, port, source=source)
