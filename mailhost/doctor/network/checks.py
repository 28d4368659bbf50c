"""The checks of the network, with their real services."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial
from ipaddress import ip_address

from twisted.internet.defer import Deferred

from mailhost.config.filters.block import DNSList
from mailhost.config.load import Loaded
from mailhost.config.model import DNS
from mailhost.dns_records.from_settings import is_in_dns
from mailhost.doctor.checks import Check
from mailhost.doctor.context import DoctorContext
from mailhost.doctor.network.attempt import PortAttempts
from mailhost.doctor.network.clock import clock_check, times_of_files
from mailhost.doctor.network.dnssec import dnssec_check
from mailhost.doctor.network.kernel_clock import kernel_clock
from mailhost.doctor.network.port_25 import LOOK_UP_SECONDS, port_25_check
from mailhost.doctor.network.resolvers import no_resolvers_check, resolvers_check
from mailhost.doctor.network.routes import read_routes, routes_check
from mailhost.interfaces.dns import ILookUp, is_for_tests
from mailhost.interfaces.reactor import IReactor
from mailhost.net.dns.resolver import Resolver
from mailhost.net.dns.servers import Server, SystemServers, servers_of_settings

DNS_SECONDS = 3.0  # for one question to one server
_ALWAYS_THERE = "arpa"  # the domain of reverse names


def network_checks(context: DoctorContext, loaded: Loaded) -> Iterator[Check]:
    """Yield the checks of the network of this host."""
    settings = loaded.settings
    yield dns_servers_check(context, settings.hostname)
    if settings.relay.tls.dane and is_in_dns(settings, settings.hostname):
        yield dnssec_check(context.resolver)
    yield routes_check(read_routes, settings.relay.bind)
    attempts = PortAttempts(context.reactor, settings.relay.bind)
    look_up = partial(_addresses, context)
    yield port_25_check(settings.doctor.port_25_hosts, settings.relay.port, look_up, attempts)
    yield clock_check(time.time, kernel_clock, partial(times_of_files, loaded), context.in_thread)


def dns_servers_check(context: DoctorContext, name: str) -> Check:
    """Return the check of the DNS servers for a host or domain `name`.

    Only the servers of the settings are asked for names for tests, not those of the system.
    """
    settings = context.loaded.settings if context.loaded else None
    named = servers_of_settings(settings.dns.servers) if settings else []
    demo = settings is not None and settings.demo is not None
    if not named and (demo or is_for_tests(name)):
        return no_resolvers_check(name)
    blocklists = settings is not None and any(isinstance(f, DNSList) for f in settings.filter)
    servers = named or SystemServers().get()
    return resolvers_check(servers, partial(_at, context.reactor), _zone(name), blocklists)


async def _addresses(context: DoctorContext, host: str) -> Sequence[str]:
    async def ask() -> Sequence[str]:
        return await context.resolver.addresses(host)

    return await Deferred.fromCoroutine(ask()).addTimeout(LOOK_UP_SECONDS, context.reactor)


def _at(reactor: IReactor, server: Server) -> ILookUp:
    host, port = server
    text = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return Resolver(reactor, DNS(servers=(text,), timeout=DNS_SECONDS))


def _zone(name: str) -> str:
    """Return the top-level domain of a name, or one that is always there for an address."""
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return name.removesuffix(".").rpartition(".")[2] or _ALWAYS_THERE
    return _ALWAYS_THERE
