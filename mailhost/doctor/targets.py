"""The checks of `mailhost doctor TARGET`: of a domain, a host with or without a port, or a mail
address."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from mailhost.dns_records.published.mx import PublishedMX, published_mx
from mailhost.doctor.abuse.target import abuse_check
from mailhost.doctor.checks import Check
from mailhost.doctor.context import DoctorContext
from mailhost.doctor.domain.checks import checks_of_domain
from mailhost.doctor.domain.mx import usable_hosts
from mailhost.doctor.domain.reach import reachable_for
from mailhost.doctor.network.checks import dns_servers_check
from mailhost.doctor.server.services import is_address
from mailhost.doctor.server.transcript import Transcript
from mailhost.doctor.target import Recipient, Server, Target, domain_of
from mailhost.interfaces.dns import Found, is_for_tests
from mailhost.message.address import literal_address
from mailhost.net.dns.lookups import run_lookups

SECONDS = 12.0  # for the look-ups of MX records and addresses of the TARGET
MOST_HOSTS = 3  # MX hosts that are connected to
SMTP = 25


def _not_kept(transcript: Transcript) -> None:
    pass


@dataclass(frozen=True, slots=True)
class TargetOptions:
    """The options of the operator for the TARGET. `user` and `password` are for a login,
    `recipient` is tried by MAIL and RCPT without sending; empty for none. `insecure` allows a login
    without TLS that can be verified. `on_transcript` is called with the transcript of each
    dialogue. With `abuse` it is tried whether strangers can abuse the server."""

    user: str = ""
    password: str = field(default="", repr=False)
    recipient: str = ""
    insecure: bool = False
    abuse: bool = False
    on_transcript: Callable[[Transcript], None] = _not_kept


ServerChecks: TypeAlias = Callable[[DoctorContext, str, int | None, TargetOptions], Sequence[Check]]
"""Returns the checks of a host: at one port, or at all ports of mail."""


async def checks_of_target(
    context: DoctorContext, target: Target, options: TargetOptions, checks_of_server: ServerChecks
) -> Sequence[Check]:
    """Return all checks of a target. DNS says whether a bare name is a server, and which hosts take
    the mail of a domain. No connection is made to the hosts of an own domain, unless they are asked
    for a recipient: the checks of this host examine the listeners."""
    checks = await _checks(context, target, options, checks_of_server)
    if options.abuse:
        checks = [*checks, abuse_check(context, target, options.recipient)]
    return checks


async def _checks(
    context: DoctorContext, target: Target, options: TargetOptions, checks_of_server: ServerChecks
) -> Sequence[Check]:
    if isinstance(target, Server):
        checked = checks_of_server(context, target.host, target.port, options)
        if is_address(target.host) or is_for_tests(target.host):
            return checked
        return [dns_servers_check(context, target.host), *checked]
    recipient = str(target.address) if isinstance(target, Recipient) else ""
    options = replace(options, recipient=options.recipient or recipient)
    name, port = domain_of(target), SMTP + context.port_offset
    literal = literal_address(name)
    if literal is not None:
        return checks_of_server(context, literal, port, options)
    published = await run_lookups(published_mx(name), context.resolver, context.reactor, SECONDS)
    if not recipient and _is_server(context, published):
        return [dns_servers_check(context, name), *checks_of_server(context, name, None, options)]
    checks: list[Check] = checks_of_domain(context, published)
    if published.reply.found is Found.FAILED:
        return [dns_servers_check(context, name), *checks]
    if recipient or context.own.get(name) is None:
        for host in usable_hosts(published, reachable_for(context, name))[:MOST_HOSTS]:
            # the certificate is for the name that replaces the alias in the remedy
            checks += checks_of_server(context, host.alias or host.name, port, options)
    return checks


def _is_server(context: DoctorContext, published: PublishedMX) -> bool:
    """True for a name with addresses and without MX records, which is no domain of this host."""
    if context.own.get(published.domain) is not None or not published.implicit:
        return False
    return bool(published.hosts[0].addresses)
