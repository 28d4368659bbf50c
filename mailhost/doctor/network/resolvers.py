"""Checks that each DNS server that this host asks gives answers, and true ones."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mailhost.concurrency.side_by_side import side_by_side
from mailhost.doctor.checks import Check
from mailhost.doctor.finding import Fault, Finding, failure, ok, warning
from mailhost.doctor.network.routes import NO_ROUTE
from mailhost.interfaces.dns import Found, ILookUp, ipv4_of, ns_of
from mailhost.net.dns.servers import PORT, Server

RESOLVER_SILENT = Fault(
    "resolver-silent",
    "Without DNS no mail for other domains leaves, and senders cannot be judged.",
    explained_by=(NO_ROUTE,),
)
RESOLVER_REWRITES = Fault(
    "resolver-rewrites",
    "A DNS server that invents addresses makes mail for mistyped domains wait for days, and can "
    "make every client look as if a blocklist had it.",
)
RESOLVER_PUBLIC = Fault(
    "resolver-public",
    "Most blocklists do not answer public DNS servers, so the filters that ask them find nothing.",
)
SECONDS = 3.8
PUBLIC = frozenset(
    {
        *("8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844"),
        *("1.1.1.1", "1.0.0.1", "2606:4700:4700::1111", "2606:4700:4700::1001"),
        *("9.9.9.9", "149.112.112.112", "2620:fe::fe", "2620:fe::9"),
        *("208.67.222.222", "208.67.220.220", "2620:119:35::35", "2620:119:53::53"),
    }
)
_REPAIR = "Check the servers in /etc/resolv.conf, or name others in the settings:"
_OWN = "Run a resolver on this host, such as unbound, and name it in the settings:"


@dataclass(frozen=True, slots=True)
class ServerAnswers:
    """The answers of one server.

    `trouble` is the reason why the server gives no answer, `invented` the address that it gave for
    a name that does not exist; both are empty for a good server.
    """

    name: str
    trouble: str = ""
    invented: str = ""


def resolvers_check(
    servers: Sequence[Server], at: Callable[[Server], ILookUp], zone: str, blocklists: bool
) -> Check:
    """Return the check that asks each server for the NS records of `zone`, a top-level domain, and
    for a name that does not exist. `at` returns what asks one server alone. `blocklists` says that
    filters of this host ask DNS blocklists."""

    async def run() -> Sequence[Finding]:
        seen = await side_by_side(_answers(each, at(each), zone) for each in servers)
        found = [*_about_silence(seen), *_about_inventions(seen)]
        return [*found, *_about_public(servers)] if blocklists else found

    return Check("Network", "DNS servers answer", SECONDS, run)


def no_resolvers_check(name: str) -> Check:
    """Return the check that says why no server is asked on a host with the name `name`."""

    async def run() -> Sequence[Finding]:
        return [ok("DNS servers", f"not asked, as {name} is a name for tests")]

    return Check("Network", "DNS servers answer", SECONDS, run)


async def _answers(server: Server, resolver: ILookUp, zone: str) -> ServerAnswers:
    name = _name(server)
    reply, none = await side_by_side(
        [
            resolver.look_up(ns_of(zone)),
            resolver.look_up(ipv4_of(f"{secrets.token_hex(12)}.com")),
        ]
    )
    if reply.found is Found.FAILED:
        return ServerAnswers(name, trouble=reply.trouble)
    return ServerAnswers(name, invented=none.records[0] if none.records else "")


def _about_silence(seen: Sequence[ServerAnswers]) -> Iterator[Finding]:
    """Yield one finding about all servers that do not answer, and one about each other server."""
    silent = [each for each in seen if each.trouble]
    yield from (ok(f"DNS server {each.name}", "it answers") for each in seen if not each.trouble)
    if silent:
        tried = f"DNS server {', '.join(each.name for each in silent)}"
        make = failure if len(silent) == len(seen) else warning
        more = "" if len(silent) == len(seen) else "; the other servers answer, but later"
        said = f"it gives no answer ({silent[0].trouble}){more}"
        yield make(RESOLVER_SILENT, tried, said, _REPAIR, "[dns]", 'servers = ["192.0.2.53"]')


def _about_inventions(seen: Sequence[ServerAnswers]) -> Iterator[Finding]:
    inventors = [each for each in seen if each.invented]
    if inventors:
        tried = f"a name that does not exist, at {', '.join(each.name for each in inventors)}"
        said = f"the answer is the address {inventors[0].invented}"
        yield warning(RESOLVER_REWRITES, tried, said, _OWN, "[dns]", 'servers = ["127.0.0.1"]')


def _about_public(servers: Sequence[Server]) -> Iterator[Finding]:
    public = [_name(server) for server in servers if server[0] in PUBLIC]
    if public:
        tried = f"DNS server {', '.join(public)}"
        said = "a public server, while filters of the kind dnslist ask blocklists"
        yield warning(RESOLVER_PUBLIC, tried, said, _OWN, "[dns]", 'servers = ["127.0.0.1"]')


def _name(server: Server) -> str:
    host, port = server
    if port == PORT:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
