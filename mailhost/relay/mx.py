"""The hosts of a next hop: MX look-up, the order in which they are tried, their addresses (RFC 5321
§5).

Hosts are sorted by preference, and shuffled within one preference. The list ends before the name of
this host, or a host with the address of one of its listeners: hosts with the same or a worse
preference would send the mail back. Records that lead to loopback, or to an address that no host
can have, are skipped. A route of the settings may lead anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from itertools import groupby

from mailhost.interfaces.dns import (
    Found,
    IResolver,
    MXRecord,
    NoSuchDomain,
    ResolveFailed,
    mx_of,
)
from mailhost.message.address import literal_address
from mailhost.message.status import Status
from mailhost.relay.nexthop import Destination
from mailhost.relay.own_addresses import OwnAddresses

NULL_MX = Status(556, "5.1.10", "The domain takes no mail (null MX)")
NO_SUCH_DOMAIN = Status(550, "5.1.2", "The domain does not exist")
NO_HOST = Status(550, "5.4.4", "The domain has no host that takes mail")
LOOP = "5.4.6"
LOOPBACK = ("127.0.0.1", "::1")
NO_ANSWER = Status(451, "4.4.3", "The mail hosts of the domain cannot be looked up now")


@dataclass(frozen=True, slots=True)
class RelayHost:
    """A host to try, by name and preference; its addresses are looked up when it is its turn.

    `secure_for` are the domain of the mail, and the name that it is an alias of, if a resolver on
    this machine has authenticated the answer of DNS that names the host; otherwise there are none.
    """

    name: str
    preference: int = 0
    secure_for: tuple[str, ...] = ()


Shuffle = Callable[[list[RelayHost]], None]


async def find_hosts(
    resolver: IResolver, destination: Destination, own_name: str, shuffle: Shuffle
) -> Sequence[RelayHost] | Status:
    """Return the hosts of a destination in the order to try, or why there are none."""
    name = destination.name
    if destination.route is not None or literal_address(name) or is_localhost(name):
        return [RelayHost(name)]
    reply = await resolver.look_up(mx_of(name))
    if reply.found is Found.NO_DOMAIN:
        return NO_SUCH_DOMAIN
    if reply.found is Found.FAILED:
        return NO_ANSWER.because(reply.trouble)
    if reply.trouble:
        return no_host(reply.trouble)
    named = [record for record in reply.records if record.host]
    if reply.records and not named:
        return NULL_MX
    aliases = dict.fromkeys((name, reply.canonical or name))
    secure_for = tuple(aliases) if reply.secure else ()
    # implicit MX, RFC 5321 §5.1
    found = [
        RelayHost(each.host, each.preference, secure_for) for each in named or [MXRecord(0, name)]
    ]
    return _by_preference(found, own_name, shuffle) or loop(own_name)


def _by_preference(found: Sequence[RelayHost], own_name: str, shuffle: Shuffle) -> list[RelayHost]:
    ordered: list[RelayHost] = []
    hosts = sorted(found, key=lambda host: host.preference)
    for _, group in groupby(hosts, key=lambda host: host.preference):
        equals = list(group)
        if any(host.name == own_name for host in equals):
            break
        shuffle(equals)
        ordered += equals
    return ordered


async def find_addresses(
    resolver: IResolver, destination: Destination, host: RelayHost, own_addresses: OwnAddresses
) -> Sequence[str] | Status:
    """Return the IP addresses of a host that may be tried, or why there are none; a status with
    the enhanced code LOOP where it is this host."""
    found = await _look_up(resolver, host.name)
    if isinstance(found, Status):
        return found
    usable = destination.source.ordered(found)
    if not usable:
        return _other_version(host.name, found[0])
    if destination.route is not None:
        return usable
    for ip in found:
        if own_addresses.at(ip, destination.port):
            return loop(f"{host.name} [{ip}]")
    usable = [ip for ip in usable if own_addresses.may_try(ip)]
    return usable or no_host(f"{host.name} leads to {found[0]}, where no other host can be")


def _other_version(name: str, ip: str) -> Status:
    """Return the deferral of a host that has addresses of one IP version only, which the settings
    do not use."""
    version = 6 if ":" in ip else 4
    text = f"{name} has IPv{version} addresses alone, by which this host does not send"
    return Status(451, "4.4.4", text, "the settings relay.families or sending.address decide that")


async def _look_up(resolver: IResolver, name: str) -> Sequence[str] | Status:
    if is_localhost(name):
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


def is_localhost(name: str) -> bool:
    """True for names that are not looked up in the DNS (RFC 6761 §6.3)."""
    return name == "localhost" or name.endswith(".localhost")


def _ip(name: str) -> str | None:
    try:
        return str(ip_address(name))
    except ValueError:
        return None
