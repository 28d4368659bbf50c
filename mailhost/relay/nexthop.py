"""Where mail for a foreign domain goes: a route of the settings, or its MX hosts (RFC 5321 §5).

Hosts come in the order in which they are tried: by preference, those of one preference shuffled.
Our own name in the list cuts it there: hosts that are no better than we are would send it back.
An address of one of our listeners cuts it too. Records that lead to loopback, or to an address that
no host can have, are skipped. A route of the settings may lead anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from itertools import groupby

from mailhost.config.model import Route, RouteTLS
from mailhost.config.types import split_host_port
from mailhost.interfaces.dns import IResolver, MXRecord, NoPossibleHost, NoSuchDomain, ResolveFailed
from mailhost.message.address import literal_address
from mailhost.message.status import Status
from mailhost.relay.own_addresses import OwnAddresses

NULL_MX = Status(556, "5.1.10", "The domain takes no mail (null MX)")
NO_SUCH_DOMAIN = Status(550, "5.1.2", "The domain does not exist")
NO_HOST = Status(550, "5.4.4", "The domain has no host that takes mail")
LOOP = "5.4.6"
LOOPBACK = ("127.0.0.1", "::1")
NO_ANSWER = Status(451, "4.4.3", "The mail hosts of the domain cannot be looked up now")


@dataclass(frozen=True, slots=True)
class Destination:
    """A next hop, by which mail is grouped: one route, or the MX hosts of one domain.

    `port` is where its hosts are reached unless they say otherwise. A name of a route is looked up
    without MX records.
    """

    name: str
    port: int
    route: Route | None = None

    def __hash__(self) -> int:
        """Of the name and the port: that of a route costs more than looking it up is worth."""
        return hash((self.name, self.port))

    def __str__(self) -> str:
        """Name the host of a route, or the domain."""
        return f"{self.name}:{self.port}"

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
    name = destination.name
    if destination.route is not None or literal_address(name) or _is_localhost(name):
        return [Host(name)]
    try:
        records = await resolver.mx(destination.name)
    except NoSuchDomain:
        return NO_SUCH_DOMAIN
    except NoPossibleHost as error:
        return no_host(str(error))
    except ResolveFailed as error:
        return NO_ANSWER.because(str(error))
    named = [record for record in records if record.host]
    if records and not named:
        return NULL_MX
    # implicit MX, RFC 5321 §5.1
    hosts = _in_order(named or [MXRecord(0, destination.name)], own_name, shuffle)
    return hosts or loop(own_name)


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


async def find_addresses(
    resolver: IResolver, destination: Destination, host: Host, own_addresses: OwnAddresses
) -> Sequence[str] | Status:
    """Return the IP addresses of a host that may be tried, or why there are none; a status with
    the enhanced code LOOP where it is this host."""
    found = await _look_up(resolver, host.name)
    if isinstance(found, Status) or destination.route is not None:
        return found
    for ip in found:
        if own_addresses.at(ip, destination.port):
            return loop(f"{host.name} [{ip}]")
    usable = [ip for ip in found if own_addresses.may_try(ip)]
    return usable or no_host(f"{host.name} leads to {found[0]}, where no other host can be")


async def _look_up(resolver: IResolver, name: str) -> Sequence[str] | Status:
    if _is_localhost(name):
        return LOOPBACK
    literal = literal_address(name) or _ip(name)
    if literal is not None:
        return [literal]
    if name.rpartition(".")[2].isdigit():  # resolvers may take `127.1` for an address
        return no_host(f"{name} is no host name")
    try:
        return await resolver.addresses(name) or no_host(f"{name} has no address")
    except NoSuchDomain:
        return no_host(f"{name} does not exist")
    except ResolveFailed as error:
        return NO_ANSWER.because(str(error))


def no_host(reason: str) -> Status:
    """Return the failure of a domain that has no usable host, with the reason."""
    return replace(NO_HOST, text=f"{NO_HOST.text}: {reason}")


def no_hosts(failures: Sequence[Status]) -> Status:
    """Return one failure that has the reasons of all these."""
    reasons = [each.text.removeprefix(f"{NO_HOST.text}: ") for each in failures]
    return no_host("; ".join(reasons)[:600])


def loop(where: str) -> Status:
    """Return the failure of a domain whose best host, `where`, is this one."""
    text = f"Mail loop: the domain's mail leads to this host, {where}, which does not serve it"
    return Status(554, LOOP, text)


def _is_localhost(name: str) -> bool:
    """True for names that are not looked up in the DNS (RFC 6761 §6.3)."""
    return name == "localhost" or name.endswith(".localhost")


def _ip(name: str) -> str | None:
    try:
        return str(ip_address(name))
    except ValueError:
        return None
