"""Checks the SRV records by which mail programs find the servers of a domain (RFC 6186, RFC
8314)."""

from __future__ import annotations

from mailhost.dns_records.published.mx import published_host
from mailhost.doctor.finding import Fault, Finding, ok, warning
from mailhost.doctor.unanswered import unanswered
from mailhost.interfaces.dns import Found, Lookups, SRVRecord, ask, srv_of

SRV_TARGET = Fault(
    "srv-target", "Mail programs that find their server by this record cannot connect to it."
)
SERVICES = ("submissions", "submission", "imaps", "imap", "pop3s", "pop3")
MOST_SERVERS = 20  # of one domain that are looked up
_NO_RECORD = SRVRecord(0, 0, 0, "no record")  # no host has a name with a blank


def check_services(domain: str) -> Lookups[list[Finding]]:
    """Look up the record of each service, and check each server that they name once."""
    servers: dict[str, list[str]] = {}
    for service in SERVICES:
        reply = yield from ask(srv_of(f"_{service}._tcp.{domain}"))
        if reply.found is Found.FAILED:
            return [unanswered(f"SRV of {service} of {domain}", reply.trouble)]
        for record in reply.records or (_NO_RECORD,):
            text = f"{service}:{record.port}" if record.port else service
            servers.setdefault(record.target, []).append(text)
    findings = []
    for target, services in [*servers.items()][:MOST_SERVERS]:
        tried = f"SRV of {', '.join(services)} of {domain}"
        findings.append((yield from _server(tried, target)))
    if len(servers) > MOST_SERVERS:
        left_out = f"{len(servers) - MOST_SERVERS} more servers, which were not looked up"
        findings.append(ok(f"SRV of {domain}", left_out))
    return findings


def _server(tried: str, target: str) -> Lookups[Finding]:
    """Check one server. An empty name stands for a service that is not offered (RFC 6186 §3.4)."""
    if target == _NO_RECORD.target:
        return ok(tried, "there is none: mail programs that look for it must be set up by hand")
    if not target:
        return ok(tried, "it says that the service is not offered")
    host = yield from published_host(target)
    if host.addresses:
        return ok(tried, target)
    if host.trouble:
        return unanswered(f"addresses of {target}", host.trouble)
    remedy = "Write the name of the server that offers the service, or give this name an address."
    return warning(SRV_TARGET, tried, f"{target}, which has no address", remedy)
