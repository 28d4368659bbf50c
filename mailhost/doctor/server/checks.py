"""The check of one mail server: at one port, or at all ports of mail."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from twisted.internet.defer import Deferred, TimeoutError

from mailhost.doctor.checks import Check
from mailhost.doctor.context import DoctorContext
from mailhost.doctor.finding import Finding
from mailhost.doctor.server.connecting import Limits, endpoints_of
from mailhost.doctor.server.dialogue import Asked, Means
from mailhost.doctor.server.findings.of_server import findings_of_server
from mailhost.doctor.server.services import SERVICES, Service, is_address, shifted
from mailhost.doctor.server.survey import Wanted, survey
from mailhost.doctor.server.tls import TLSExaminer
from mailhost.doctor.targets import TargetOptions
from mailhost.interfaces.dns import IResolver, Reply, ResolveFailed, TLSARecord, ask, tlsa_of
from mailhost.message.address import BadAddress, parse_address, parse_domain
from mailhost.net.dns.lookups import run_lookups
from mailhost.net.tls.certificate import current_time

SECONDS = 59.0  # more than Limits.everything and TLSA_SECONDS
NAME_SECONDS = 10.0  # for the addresses of the server
TLSA_SECONDS = 4.0
_LOOPBACK = ("127.0.0.1", "::1")


def checks_of_server(
    context: DoctorContext,
    host: str,
    port: int | None,
    options: TargetOptions,
    services: Sequence[Service] | None = None,
) -> Sequence[Check]:
    """Return the check of a server, a name or an IP address. Without a `port` all `services` are
    examined, None for the usual ones. Raises ValueError for an invalid host, port, user or
    recipient."""
    if services is None:
        offset = context.loaded.settings.doctor.port_offset if context.loaded else 0
        services = shifted(SERVICES, offset)
    wanted = Wanted(_host(host), _port(port), _asked(options), services)

    async def run() -> Sequence[Finding]:
        means = Means(
            context.reactor,
            endpoints_of(context.reactor),
            await context.in_thread(TLSExaminer),
            current_time(),
            _own_name(context),
            options.on_transcript,
            Limits(),
        )
        addresses_of = partial(addresses_of_host, context)
        surveyed = await survey(means, addresses_of, wanted)
        if not surveyed.unresolved:
            surveyed = replace(surveyed, tlsa=await _tlsa(context, wanted.host))
        return findings_of_server(surveyed)

    where = host if port is None else f"{host} port {port}"
    return [Check(f"Connection to {where}", f"connection to {where}", SECONDS, run)]


async def addresses_of_host(context: DoctorContext, host: str) -> Sequence[str]:
    """Return the addresses of a host, which may be one itself. Raises NoSuchDomain,
    ResolveFailed."""
    if is_address(host):
        return [host]
    if host == "localhost":
        return _LOOPBACK
    examining = Deferred.fromCoroutine(_looked_up(context.resolver, host))
    try:
        return await examining.addTimeout(NAME_SECONDS, context.reactor)
    except TimeoutError as error:
        raise ResolveFailed(f"no answer from DNS within {NAME_SECONDS:g} s") from error


async def _tlsa(context: DoctorContext, host: str) -> Reply[TLSARecord] | None:
    """Return the TLSA records of a server; None for an address, which has none."""
    if is_address(host) or host == "localhost":
        return None
    machine = ask(tlsa_of(f"_25._tcp.{host}"))
    return await run_lookups(machine, context.resolver, context.reactor, TLSA_SECONDS)


async def _looked_up(resolver: IResolver, host: str) -> Sequence[str]:
    return await resolver.addresses(host)


def _host(text: str) -> str:
    return text if is_address(text) else parse_domain(text.removesuffix("."))


def _port(number: int | None) -> int | None:
    if number is not None and not 0 < number < 65_536:
        raise ValueError(f"{number} is no port: ports are from 1 to 65535")
    return number


def _asked(options: TargetOptions) -> Asked:
    user, recipient = options.user, options.recipient
    if not (user + options.password).isprintable():
        raise ValueError("user name and password have no control characters")
    if recipient:
        recipient = str(parse_address(recipient))
    return Asked(user, options.password, _sender(user), recipient, options.insecure)


def _sender(user: str) -> str:
    """Return the reverse-path for RCPT: the user's address, the null reverse-path without one."""
    try:
        return str(parse_address(user))
    except BadAddress:
        return ""


def _own_name(context: DoctorContext) -> str:
    """Return the name of this host in EHLO, empty if this machine has no name with a domain."""
    if context.loaded is not None:
        return context.loaded.settings.hostname
    name = socket.gethostname()
    try:
        return parse_domain(name) if "." in name else ""
    except BadAddress:
        return ""
