"""Checks that the network lets this host reach port 25 of others, at hosts that the settings
name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from ipaddress import ip_address

from twisted.internet.defer import TimeoutError

from mailhost.concurrency.side_by_side import side_by_side
from mailhost.doctor.checks import Check
from mailhost.doctor.finding import Fault, Finding, Verdict, failure, ok, unknown
from mailhost.doctor.network.attempt import Attempt, Result
from mailhost.doctor.network.routes import NO_ROUTE
from mailhost.interfaces.dns import NoSuchDomain, ResolveFailed

PORT_25_CLOSED = Fault(
    "port-25-closed",
    "Mail for other domains is sent to port 25 of their hosts, and cannot leave.",
    explained_by=(NO_ROUTE,),
)
PORT_25_UNTRIED = Fault(
    "port-25-untried", "It is not known whether mail for other domains can leave."
)
SECONDS = 3.8
LOOK_UP_SECONDS = 1.0  # for the addresses of a host
TITLE = "port 25 of other hosts"
_ASK_PROVIDER = (
    "Ask your provider to open outgoing port 25. If it does not, send all mail through its host, "
    "or that of another provider:"
)
_ROUTE = ("[[relay.route]]", 'via = "smtp.isp.example:587"')
TryPort = Callable[[str, int], Awaitable[Attempt]]
LookUp = Callable[[str], Awaitable[Sequence[str]]]


def port_25_check(hosts: Sequence[str], port: int, look_up: LookUp, try_port: TryPort) -> Check:
    """Return the check that connects to `port` of each of `hosts`, names or IP addresses.
    `look_up` returns the addresses of a name as IResolver does, or raises TimeoutError after
    LOOK_UP_SECONDS; `try_port`
    tries one address and port."""

    async def run() -> Sequence[Finding]:
        if not hosts:
            return [_not_tried(port)]
        tried = await side_by_side(_try(each, port, look_up, try_port) for each in hosts)
        return list(_about(dict(zip(hosts, tried, strict=True)), port))

    return Check("Network", f"port {port} of other hosts can be reached", SECONDS, run)


def _not_tried(port: int) -> Finding:
    remedy = "To have it tried, name a mail host of others, such as an MX host of a large provider:"
    seen = "not tried, as the settings name no host"
    lines = ("[doctor]", 'port_25_hosts = ["mx.example.net"]')
    return Finding(Verdict.OK, f"port {port} of other hosts", seen, None, remedy, lines)


async def _try(host: str, port: int, look_up: LookUp, try_port: TryPort) -> list[Attempt] | str:
    """Return the attempts at a host, one for each family of addresses; an empty text where DNS
    cannot be asked, else why there is no address."""
    try:
        addresses = [host] if _is_ip(host) else await look_up(host)
    except NoSuchDomain:
        return f"{host} does not exist"
    except (ResolveFailed, TimeoutError):
        return ""
    if not addresses:
        return f"{host} has no address"
    first = {":" in address: address for address in reversed(addresses)}
    return await side_by_side(try_port(first[six], port) for six in sorted(first))


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _about(tried: Mapping[str, list[Attempt] | str], port: int) -> Iterator[Finding]:
    """Yield one finding. Where DNS cannot be asked, the check of the DNS servers says so."""
    attempts = {host: found for host, found in tried.items() if not isinstance(found, str)}
    reached = [host for host, found in attempts.items() if _reached(found)]
    missing = [text for text in tried.values() if isinstance(text, str) and text]
    what = f"port {port} of {', '.join(reached or attempts or tried)}"
    if reached:
        yield ok(what, "it can be reached")
    elif attempts:
        ends = {attempt.said for found in attempts.values() for attempt in found}
        seen = f"not reached ({'; '.join(sorted(ends))})"
        yield failure(PORT_25_CLOSED, what, seen, _ASK_PROVIDER, *_ROUTE)
    elif missing:
        remedy = "Name mail hosts that exist in the settings, as [doctor] port_25_hosts."
        yield unknown(PORT_25_UNTRIED, what, "; ".join(missing), remedy)


def _reached(attempts: Sequence[Attempt]) -> bool:
    return any(attempt.end is Result.ANSWERED for attempt in attempts)
