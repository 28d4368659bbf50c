"""Another host in place of the host beta, with its name in DNS: some of its ports are wrong, and
the others lead to beta.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any, TypeAlias, cast

from twisted.internet.defer import maybeDeferred
from twisted.internet.protocol import Factory, ServerFactory

from mailhost.playground.dns_server import Records
from mailhost.playground.filtered import FilteredPort
from mailhost.playground.forwarding import ForwardingFactory, Onward
from mailhost.playground.hosts import BETA_HOST
from mailhost.playground.network import Network
from mailhost.playground.ports import USUAL, WRONG_HOST

MakeFactory: TypeAlias = Callable[[Network, int], Factory]
"""Makes the server for a port with a fault.

The number is the port at which beta has the right server.
"""


class WrongHost:
    """Replaces the host beta.

    `wrong` has the server for the ports of some protocols. The ports of `filtered` drop packets,
    the ports of `closed` are not open.
    """

    def __init__(
        self,
        wrong: Mapping[str, MakeFactory] | None = None,
        filtered: frozenset[str] = frozenset(),
        closed: frozenset[str] = frozenset(),
    ) -> None:
        self._wrong = wrong or {}
        self._filtered = filtered
        self._closed = closed
        self._stops: list[Callable[[], object]] = []

    async def begin(self, network: Network) -> None:
        """Open the ports, and lead the name of beta to them."""
        for protocol in USUAL:
            self._open(network, protocol)
        network.publish(lead_to_wrong_host(network.prepared.records))

    async def end(self, network: Network) -> None:
        """Close the ports, and lead the name of beta to it."""
        network.publish(network.prepared.records)
        stops, self._stops = self._stops, []
        for stop in stops:
            await maybeDeferred(stop)

    def _open(self, network: Network, protocol: str) -> None:
        port = network.ports.of(protocol)
        if protocol in self._filtered:
            self._stops.append(FilteredPort(WRONG_HOST, port).stop)
        elif protocol not in self._closed:
            make = self._wrong.get(protocol, forwarding)
            factory = cast(ServerFactory, make(network, port))  # listenTCP takes any
            listening = network.reactor.listenTCP(port, factory, interface=WRONG_HOST)
            self._stops.append(listening.stopListening)


def forwarding(network: Network, port: int) -> ServerFactory:
    """Pass connections on to the port of beta."""
    return ForwardingFactory(network.reactor, Onward(BETA_HOST.address, port))


def lead_to_wrong_host(records: Records) -> Records:
    """Return the records with the address of the wrong host for the name of beta."""
    pointer = ip_address(WRONG_HOST).reverse_pointer
    rows = records[BETA_HOST.hostname]
    moved: list[Any] = [["A", WRONG_HOST] if row[0] == "A" else row for row in rows]
    return {**records, BETA_HOST.hostname: moved, pointer: [["PTR", BETA_HOST.hostname]]}
