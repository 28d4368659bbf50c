"""Checks that the web listener has certificates for the names of the domains that lead to it. It
chooses the certificate by the name that a client asks for (SNI)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime

from mailhost.concurrency.side_by_side import side_by_side
from mailhost.config.model import Settings
from mailhost.config.protocol import ListenProtocol
from mailhost.dns_records.own_domain import OwnDomain
from mailhost.dns_records.record import Topic
from mailhost.doctor.checks import Check
from mailhost.doctor.context import DoctorContext
from mailhost.doctor.finding import Fault, Finding, ok, warning
from mailhost.doctor.host.certificate_files import read_certificates
from mailhost.doctor.host.certificates import TOPIC
from mailhost.interfaces.dns import IResolver, NoSuchDomain, ResolveFailed
from mailhost.net.tls.certificate import BadCertificate, CertificateFiles
from mailhost.net.tls.certificate_checks import is_for

CERTIFICATE_DOMAIN_NAMES = Fault(
    "certificate-domain-names",
    "Mail programs and other hosts do not trust a web server whose certificate is for another "
    "name, so they get no settings and no policy there.",
)
SECONDS = 3.8
LOOK_UP_SECONDS = 1.5  # for the addresses of a name
MOST_NAMES = 60  # that are looked up
MOST_SHOWN = 6
_TRIED = "certificates for names of the domains"


def domain_certificates_check(context: DoctorContext, settings: Settings) -> Check:
    """Return the check. A web listener behind a reverse proxy needs no certificates."""

    async def run() -> Sequence[Finding]:
        if not any(each.protocol is ListenProtocol.HTTPS for each in settings.listen):
            return []
        names = [name for own in context.own.domains for name in web_names(own)]
        missing = await context.in_thread(partial(_missing, settings, names))
        there = partial(_has_address, context.resolver, context.reactor)
        found = await side_by_side(map(there, missing[:MOST_NAMES]))
        wanted = [name for name, leads in zip(missing, found, strict=False) if leads]
        return [_finding(settings, wanted)] if wanted else [ok(_TRIED, _right(names))]

    return Check(TOPIC, _TRIED, SECONDS, run)


def web_names(own: OwnDomain) -> list[str]:
    """Return the names of a domain that lead to the web listener."""
    plan = own.plan_without_addresses()
    return [record.name for record in plan.about(Topic.WEB)]


def _right(names: Sequence[str]) -> str:
    return f"all names that lead anywhere have one ({len(names)} examined)"


def _missing(settings: Settings, names: Sequence[str]) -> list[str]:
    """Return the names that no certificate is for. Blocks for the disk."""
    try:
        certificates: Sequence[CertificateFiles] = read_certificates(settings)
    except BadCertificate:
        return []  # another check reports this
    return [name for name in names if not any(is_for(files, name) for files in certificates)]


async def _has_address(resolver: IResolver, clock: IReactorTime, name: str) -> bool:
    """True for a name that clients can connect to; a name that is not in DNS is reported by the
    check of the records."""

    async def ask() -> bool:
        return bool(await resolver.addresses(name))

    try:
        return await Deferred.fromCoroutine(ask()).addTimeout(LOOK_UP_SECONDS, clock)
    except (NoSuchDomain, ResolveFailed, TimeoutError):
        return False


def _finding(settings: Settings, names: Sequence[str]) -> Finding:
    more = f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
    seen = f"no certificate is for {', '.join(names[:MOST_SHOWN])}{more}"
    if settings.tls.acme.agree:
        remedy = "`mailhost certificates` says why the authority has issued none."
        return warning(CERTIFICATE_DOMAIN_NAMES, _TRIED, seen, remedy)
    remedy = "Get a certificate for these names, or let the host order them by itself:"
    lines = ("[tls.acme]", "agree = true")
    return warning(CERTIFICATE_DOMAIN_NAMES, _TRIED, seen, remedy, *lines)
