"""The checks of abuse for another server, which run only if the operator asks for them.

The checks of the server's ports report whether it accepts passwords without TLS.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from mailhost.concurrency.side_by_side import side_by_side
from mailhost.doctor.abuse.connecting import OpenConnection, Place, opener
from mailhost.doctor.abuse.open_relay import open_relay_check
from mailhost.doctor.abuse.running_rules import ELSEWHERE
from mailhost.doctor.abuse.smuggling import smuggling_check
from mailhost.doctor.abuse.tricks import Names
from mailhost.doctor.checks import Check, findings_within_limit
from mailhost.doctor.clients.check import TOPIC
from mailhost.doctor.context import DoctorContext
from mailhost.doctor.finding import Finding
from mailhost.doctor.target import Server, Target, domain_of
from mailhost.interfaces.dns import IResolver, NoPossibleHost, NoSuchDomain, ResolveFailed
from mailhost.message.address import literal_address
from mailhost.message.ids import new_id

SMTP, SUBMISSIONS = 25, 465
SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class AbuseTarget:
    """`domain` is the server's own domain in the tricks. The server is `host`, or the first MX
    host of `domain` where that is empty."""

    domain: str
    host: str = ""
    port: int = SMTP


def abuse_target(target: Target, port: int = SMTP) -> AbuseTarget:
    """Return the server that a TARGET names, at `port` unless the TARGET has a port."""
    if isinstance(target, Server):
        return AbuseTarget(target.host, target.host, target.port or port)
    domain = domain_of(target)
    return AbuseTarget(domain, literal_address(domain) or "", port)


def abuse_check(context: DoctorContext, target: Target, recipient: str) -> Check:
    """Return the check of a TARGET. `recipient` is a mailbox there that may get test messages,
    empty for none."""
    offset = context.port_offset
    wanted = abuse_target(target, SMTP + offset)

    async def run() -> Sequence[Finding]:
        ip = await address_of(context.resolver, wanted)
        if not ip:
            return []  # the checks of the domain report the reason
        place = Place(ip, wanted.port, implicit_tls=wanted.port == SUBMISSIONS + offset)
        checks = _checks(context, wanted, place, recipient)
        found = await side_by_side(findings_within_limit(each, context.reactor) for each in checks)
        return [finding for some in found for finding in some]

    return Check(TOPIC, f"{wanted.host or wanted.domain} cannot be abused", SECONDS, run)


def _checks(
    context: DoctorContext, wanted: AbuseTarget, place: Place, recipient: str
) -> list[Check]:
    where = f"{wanted.host or wanted.domain} ({place})"
    hostname = context.loaded.settings.hostname if context.loaded else socket.gethostname()
    sender = f"postmaster@{hostname}"
    open_connection: OpenConnection = opener(context.reactor, place, hostname)
    local, _, domain = ELSEWHERE.partition("@")
    unknown = f"doctor-{new_id()}"
    names = Names(wanted.domain, place.ip, local, domain, sender, unknown)
    checks = [open_relay_check(open_connection, names, where)]
    if recipient:
        checks.append(smuggling_check(open_connection, where, f"<{sender}>", f"<{recipient}>"))
    return checks


async def address_of(resolver: IResolver, wanted: AbuseTarget) -> str:
    """Return an IP address of the server, empty if there is none."""
    if _is_address(wanted.host):
        return wanted.host
    try:
        hosts = [wanted.host] if wanted.host else await _mail_hosts(resolver, wanted.domain)
        for host in hosts:
            addresses = await resolver.addresses(host)
            if addresses:
                return min(addresses, key=lambda each: ":" in each)  # IPv4 where there is some
    except (NoSuchDomain, ResolveFailed, NoPossibleHost):
        return ""
    return ""


async def _mail_hosts(resolver: IResolver, domain: str) -> list[str]:
    records = sorted(await resolver.mx(domain), key=lambda each: each.preference)
    return [each.host for each in records if each.host] if records else [domain]


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
