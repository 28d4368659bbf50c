"""Facts for plans, read from the settings: services, source addresses, smarthosts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address

from mailhost.config.endpoint import parse_endpoint
from mailhost.config.model import Listen, Route, Settings
from mailhost.config.protocol import ListenProtocol
from mailhost.config.types import split_host_port
from mailhost.dns_records.facts import (
    DomainFacts,
    HostAddresses,
    HostCertificates,
    HostFacts,
    MailService,
)
from mailhost.interfaces.dns import is_for_tests
from mailhost.interfaces.signing import DomainKey
from mailhost.message.domains import fits, is_at_or_below
from mailhost.mta_sts.own import own_policy

# each service: its listener with TLS from the first octet, which RFC 8314 §3 prefers, and the one
# with STARTTLS. RFC 6186 §3.3: IMAP before POP3.
_SERVICES = (
    ((ListenProtocol.SUBMISSIONS, "_submissions"), (ListenProtocol.SUBMISSION, "_submission")),
    ((ListenProtocol.IMAPS, "_imaps"), (ListenProtocol.IMAP, "_imap")),
    ((ListenProtocol.POP3S, "_pop3s"), (ListenProtocol.POP3, "_pop3")),
)
# the SPF mechanisms of large providers, by the domain of their smarthosts
PROVIDERS: Mapping[str, str] = {
    "amazonaws.com": "include:amazonses.com",
    "gmail.com": "include:_spf.google.com",
    "mailgun.org": "include:mailgun.org",
    "mailjet.com": "include:spf.mailjet.com",
    "mtasv.net": "include:spf.mtasv.net",
    "office365.com": "include:spf.protection.outlook.com",
    "outlook.com": "include:spf.protection.outlook.com",
    "postmarkapp.com": "include:spf.mtasv.net",
    "sendgrid.net": "include:sendgrid.net",
}

_HTTPS = 443
NO_CERTIFICATES = HostCertificates()


def is_in_dns(settings: Settings, name: str) -> bool:
    """False for the demo and for names below example, test, localhost and invalid, unless the
    settings name servers that may have them."""
    return bool(settings.dns.servers) or not (is_for_tests(name) or settings.demo)


def host_facts(
    settings: Settings,
    addresses: HostAddresses,
    receives: bool = False,
    certificates: HostCertificates = NO_CERTIFICATES,
) -> HostFacts:
    """Return the facts about the host, with the addresses that were found for it. `receives`: its
    name is a domain of mail too."""
    bound = tuple(each for each in settings.relay.bind if ip_address(each).is_global)
    return HostFacts(
        settings.hostname,
        addresses,
        services=(*_services(settings.listen), *_autodiscover(settings)),
        senders=bound,
        receives=receives,
        spf=_mechanisms(settings, settings.hostname)[0] if receives else (),
        https=https_port(settings),
        certificates=certificates,
    )


def domain_facts(
    settings: Settings,
    domain: str,
    receives: bool = True,
    signer: str = "",
    keys: Sequence[DomainKey] = (),
) -> DomainFacts:
    """Return the facts about a domain. `signer` is the domain by whose keys its mail is signed,
    empty if it is not signed."""
    mechanisms, unknown = _mechanisms(settings, domain)
    return DomainFacts(
        domain,
        receives=receives,
        signer=signer,
        keys=tuple(keys),
        spf=mechanisms,
        unknown_routes=unknown,
        reports=settings.report_addresses.get(domain),
        sts=own_policy(settings, domain) if https_port(settings) else None,
        tls_reports=settings.tls_report_addresses.get(domain),
    )


def https_port(settings: Settings) -> int:
    """Return the port at which other hosts reach the web listener over HTTPS, 0 for none. That of a
    reverse proxy is taken to be the usual one."""
    port = next(service_ports(settings.listen, ListenProtocol.HTTPS), 0)
    behind_proxy = settings.web is not None and any(each.protocol.web for each in settings.listen)
    return port or (_HTTPS if behind_proxy else 0)


def _autodiscover(settings: Settings) -> Iterator[MailService]:
    """Yield the service at which Outlook finds the settings of mail programs."""
    port = https_port(settings)
    if port:
        yield MailService("_autodiscover._tcp", port)


def _mechanisms(settings: Settings, domain: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the SPF mechanisms of those that send for a domain besides this host, and the
    smarthosts whose mechanism is not known. If the settings have mechanisms, they are taken for
    those of such smarthosts."""
    own = [*settings.dns.spf, *settings.dns.spf_of.get(domain, ())]
    sending = settings.sending_by_domain.get(domain)
    addresses = sending.address if sending else ()
    sources = [_ip_mechanism(each) for each in addresses if ip_address(each).is_global]
    smarthosts = list(dict.fromkeys(_smarthosts(settings.relay.route, domain)))
    known = {host: provider_mechanism(host) for host in smarthosts}
    found = dict.fromkeys([*own, *sources, *filter(None, known.values())])
    return tuple(found), () if own else tuple(host for host in smarthosts if not known[host])


def _ip_mechanism(address: str) -> str:
    return f"ip{ip_address(address).version}:{address}"


def provider_mechanism(host: str) -> str:
    """Return the SPF mechanism of a smarthost's provider, empty if it is not known."""
    found = (text for domain, text in PROVIDERS.items() if is_at_or_below(host.lower(), domain))
    return next(found, "")


def _smarthosts(routes: Sequence[Route], domain: str) -> Iterator[str]:
    """Yield the hosts that take mail of this sender domain; addresses of private networks are
    those of our own machines."""
    for route in routes:
        if not fits(route.sender, domain):
            continue
        host, _ = split_host_port(route.via, 25)
        if host != "localhost" and not _is_private(host):
            yield host


def _is_private(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        return False


def _services(listeners: Sequence[Listen]) -> Iterator[MailService]:
    for choices in _SERVICES:
        for protocol, label in choices:
            port = next(service_ports(listeners, protocol), None)
            if port is not None:
                yield MailService(f"{label}._tcp", port, preferred="pop3" not in label)
                break


def service_ports(
    listeners: Sequence[Listen], protocol: ListenProtocol, loopback: bool = False
) -> Iterator[int]:
    """Yield the ports at which other hosts reach listeners of a protocol, the usual one first. With
    `loopback` those at which this machine alone reaches them."""
    ports = []
    for listen in listeners:
        endpoint = parse_endpoint(listen.endpoint)
        local = endpoint.interface.startswith(("127.", "::1"))
        if listen.protocol is not protocol or local is not loopback:
            continue
        if endpoint.kind == "systemd" and protocol.usual_port:
            ports.append(protocol.usual_port)
        elif endpoint.port:
            ports.append(endpoint.port)
    yield from sorted(ports, key=lambda port: port != protocol.usual_port)
