"""Where mail for a foreign domain goes: a route of the settings, or its MX hosts (RFC 5321 §5).

Hosts come in the order in which they are tried: by preference, those of one preference shuffled.
Our own name in the list cuts it there: hosts that are no better than we are would send it back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from mailhost.config.model import Route, RouteTLS
from mailhost.config.types import split_host_port
from mailhost.interfaces import IResolver, MXRecord, NoSuchDomain, ResolveFailed
from mailhost.message.address import literal_address
from mailhost.message.status import Status

MOST_HOSTS = 10
NULL_MX = Status(556, "5.1.10", "The domain takes no mail (null MX)")
NO_SUCH_DOMAIN = Status(550, "5.1.2", "The domain does not exist")
NO_HOST = Status(550, "5.4.4", "The domain has no host that takes mail")
LOOP = Status(
    554, "5.4.6", "Mail loop: the best mail host of the domain is this one, but does not serve it"
)
NO_ANSWER = Status(451, "4.4.3", "The mail hosts of the domain cannot be looked up now")


@dataclass(frozen=True, slots=True)
class Destination:
    """What mail is grouped by: one route, or the MX hosts of one domain.

    `port` is where its hosts are reached unless they say otherwise. A name of a route is looked up
    without MX records.
    """

    name: str
    port: int
    route: Route | None = None

    def __hash__(self) -> int:
        """Of the name and the port: that of a route costs more than looking it up is worth."""
        return hash((self.name, self.port))

    @property
    def tls(self) -> RouteTLS:
        """What the way there asks of TLS."""
        return self.route.tls if self.route else RouteTLS.OPPORTUNISTIC


@dataclass(frozen=True, slots=True)
class Host:
    """A host to try, by name and preference; its addresses are looked up when it is its turn."""

    name: str
    preference: int = 0


Shuffle = Callable[[list[Host]], None]


def choose_destination(
    routes: Sequence[Route], port: int, sender: str, recipient: str, attempts: int
) -> Destination:
    """Return where mail between two domains goes at this attempt; the first route that fits wins.

    `sender` is empty for the null reverse-path. `attempts` counts those made before.
    """
    for route in routes:
        if _fits(route.sender, sender) and _fits(route.recipient, recipient):
            if attempts < route.after_attempts:
                break
            host, route_port = split_host_port(route.via, 25)
            return Destination(host, route_port, route)
    return Destination(recipient, port)


def _fits(pattern: str, domain: str) -> bool:
    if pattern == "*":
        return True
    return domain.endswith(pattern[1:]) if pattern.startswith("*.") else domain == pattern


async def find_hosts(
    resolver: IResolver, destination: Destination, own_name: str, shuffle: Shuffle
) -> Sequence[Host] | Status:
    """Return the hosts of a destination in the order to try, or why there are none."""
    if destination.route is not None or literal_address(destination.name):
        return [Host(destination.name)]
    try:
        records = await resolver.mx(destination.name)
    except NoSuchDomain:
        return NO_SUCH_DOMAIN
    except ResolveFailed as error:
        return NO_ANSWER.because(str(error))
    if not records:
        return [Host(destination.name)]  # implicit MX, RFC 5321 §5.1
    if any(not record.host for record in records):
        return NULL_MX
    hosts = _in_order(records, own_name, shuffle)
    return hosts[:MOST_HOSTS] or LOOP


def _in_order(records: Sequence[MXRecord], own_name: str, shuffle: Shuffle) -> list[Host]:
    ordered: list[Host] = []
    hosts = sorted((Host(r.host, r.preference) for r in records), key=lambda h: h.preference)
    for _, group in groupby(hosts, key=lambda host: host.preference):
        equals = list(group)
        if any(host.name == own_name for host in equals):
            break
        shuffle(equals)
        ordered += equals
    return ordered


async def find_addresses(resolver: IResolver, host: Host) -> Sequence[str] | Status:
    """Return a host's IP addresses, or why there are none."""
    if host.name == "localhost":
        return ["127.0.0.1", "::1"]
    literal = literal_address(host.name)
    if literal is not None or _is_ip(host.name):
        return [literal or host.name]
    try:
        return await resolver.addresses(host.name) or NO_HOST
    except NoSuchDomain:
        return NO_HOST.because(f"{host.name} does not exist")
    except ResolveFailed as error:
        return NO_ANSWER.because(str(error))


def _is_ip(name: str) -> bool:
    return ":" in name or name.replace(".", "").isdigit()
