"""Judges where mail of a domain goes: its MX records, and the addresses of their hosts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from mailhost.dns_records.published.mx import PublishedHost, PublishedMX
from mailhost.doctor.domain.reach import Reachable
from mailhost.doctor.finding import Fault, Finding, Verdict, failure, ok, warning
from mailhost.doctor.unanswered import unanswered
from mailhost.interfaces.dns import Found

DOMAIN_MISSING = Fault("domain-missing", "Mail to a name that does not exist is returned.")
MX_MISSING = Fault("mx-missing", "Without a mail host, mail for the domain is returned.")
MX_IMPLICIT = Fault(
    "mx-implicit",
    "Without MX records, mail goes to the address of the domain itself, which is often that of a "
    "web server.",
)
MX_NULL = Fault("mx-null", "A null MX says that the domain takes no mail (RFC 7505).")
MX_NOT_A_NAME = Fault(
    "mx-not-a-name",
    "An MX record must have a host name; other hosts do not use one with an IP address.",
)
MX_DANGLING = Fault("mx-dangling", "Mail cannot be sent to a host without an address.")
MX_ALIAS = Fault("mx-alias", "Some hosts do not send to an MX host that has a CNAME (RFC 2181).")
MX_PRIVATE = Fault(
    "mx-private", "Hosts on the internet cannot reach private, loopback and reserved addresses."
)
MX_DUPLICATE = Fault("mx-duplicate", "A host that two MX records name is tried twice.")


def judge_mx(published: PublishedMX, reachable: Reachable) -> list[Finding]:
    """Return the findings about the MX records of a domain, and about each host."""
    reply = published.reply
    tried = f"MX of {published.domain}"
    if reply.found is Found.FAILED:
        return [unanswered(tried, reply.trouble)]
    if reply.found is Found.NO_DOMAIN:
        return [missing_domain(published.domain)]
    if published.implicit:
        return [_implicit(published, tried, reachable)]
    if reply.found is Found.NO_RECORDS:
        return [_not_a_name(tried, reply.trouble)]
    if any(not record.host for record in reply.records):
        return [_null(published, tried)]
    return [*_records(published, tried), *_hosts(published, reachable)]


def missing_domain(domain: str) -> Finding:
    """Return the finding about a domain that does not exist."""
    remedy = "Look for a typing error; if the name is right, register it, or renew it."
    return failure(DOMAIN_MISSING, f"MX of {domain}", "the name does not exist", remedy)


def usable_hosts(published: PublishedMX, reachable: Reachable) -> list[PublishedHost]:
    """Return the hosts that mail can be sent to."""
    return [host for host in published.hosts if any(map(reachable, host.addresses))]


def _is_number(name: str) -> bool:
    """True for an IP address in place of a name; no name ends with a number."""
    return name.rpartition(".")[2].isdigit()


def _implicit(published: PublishedMX, tried: str, reachable: Reachable) -> Finding:
    [host] = published.hosts
    if host.trouble and not host.addresses:
        return unanswered(f"addresses of {published.domain}", host.trouble)
    remedy = "Add an MX record with the name of the mail host, such as:"
    example = f"{published.domain}. 3600 IN MX 10 mail.{published.domain}."
    if not any(map(reachable, host.addresses)):
        seen = "there is no MX record, and no address that can be used in its place"
        return failure(MX_MISSING, tried, seen, remedy, example)
    seen = f"there is no MX record; mail goes to {', '.join(host.addresses)}"
    return warning(MX_IMPLICIT, tried, seen, remedy, example)


def _not_a_name(tried: str, seen: str) -> Finding:
    remedy = "Give the mail host a name with A and AAAA records, and write that name."
    return failure(MX_NOT_A_NAME, tried, seen, remedy)


def _null(published: PublishedMX, tried: str) -> Finding:
    seen, remedy = "0 .", "If the domain is to take mail, replace the null MX by its mail host."
    if len(published.reply.records) > 1:
        seen = f"{_text(published)}: a null MX beside other records"
        remedy = "Remove the null MX: some hosts return mail because of it."
    return failure(MX_NULL, tried, seen, remedy)


def _text(published: PublishedMX) -> str:
    return ", ".join(f"{each.preference} {each.host}." for each in published.reply.records)


def _records(published: PublishedMX, tried: str) -> Iterator[Finding]:
    """Yield the finding about the records as such."""
    counts = Counter(record.host for record in published.reply.records)
    twice = [host for host, count in counts.items() if count > 1]
    if twice:
        remedy = f"Leave one MX record with {twice[0]}, and remove the others with that name."
        yield warning(MX_DUPLICATE, tried, _text(published), remedy)
    else:
        yield ok(tried, _text(published))


def _hosts(published: PublishedMX, reachable: Reachable) -> Iterator[Finding]:
    """Yield one finding about each host. Mail flows as long as one of them can be reached."""
    flows = usable_hosts(published, reachable) or any(host.trouble for host in published.hosts)
    for host in published.hosts:
        found = _host(host, reachable)
        if flows and found.verdict is Verdict.FAILURE:
            found = replace(found, verdict=Verdict.WARNING)
        yield found


def _host(host: PublishedHost, reachable: Reachable) -> Finding:
    tried = f"MX host {host.name}"
    good = [each for each in host.addresses if reachable(each)]
    if _is_number(host.name):
        return _not_a_name(tried, "this is an IP address in place of a name")
    if host.trouble and not good:
        return unanswered(tried, host.trouble)
    if not host.addresses:
        leads = f"it is another name (CNAME) of {host.alias}, which has" if host.alias else "it has"
        remedy = f"Give {host.name} A and AAAA records, or remove its MX record."
        return failure(MX_DANGLING, tried, f"{leads} no address", remedy)
    bad = [each for each in host.addresses if each not in good]
    if bad:
        remedy = f"Replace {', '.join(bad)} by the public address of the host, or remove it."
        seen = f"{', '.join(bad)} is no address of the public internet"
        finding = warning if good else failure
        return finding(MX_PRIVATE, tried, seen, remedy)
    if host.alias:
        remedy = f"Write {host.alias} in the MX record, or give {host.name} addresses of its own."
        return warning(MX_ALIAS, tried, f"it is another name (CNAME) of {host.alias}", remedy)
    return ok(tried, ", ".join(host.addresses))
