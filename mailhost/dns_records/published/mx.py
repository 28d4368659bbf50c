"""Where mail of a domain goes: its MX records, and the addresses of their hosts."""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.interfaces.dns import (
    Found,
    Lookups,
    MXRecord,
    Reply,
    ask,
    cname_of,
    ipv4_of,
    ipv6_of,
    mx_of,
)

MOST_HOSTS = 16  # of one domain that are looked up


@dataclass(frozen=True, slots=True)
class PublishedHost:
    """A name that mail is sent to. `alias` is the target of its CNAME, empty for none. `trouble`
    says why its addresses could not be looked up, empty if they could."""

    name: str
    alias: str = ""
    addresses: tuple[str, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class PublishedMX:
    """The `reply` to the question for MX records, and each host that they name once. Where there is
    no MX record, the host is the domain itself (RFC 5321 §5.1)."""

    domain: str
    reply: Reply[MXRecord]
    hosts: tuple[PublishedHost, ...] = ()

    @property
    def implicit(self) -> bool:
        """True for a domain without MX records that can be used or not."""
        return self.reply.found is Found.NO_RECORDS and not self.reply.trouble


def published_mx(domain: str) -> Lookups[PublishedMX]:
    """Look up the MX records of a domain, and their hosts in the order of preference."""
    reply = yield from ask(mx_of(domain))
    found = PublishedMX(domain, reply)
    records = sorted(reply.records, key=lambda record: record.preference)
    names = [domain] if found.implicit else [record.host for record in records if record.host]
    hosts = []
    for name in list(dict.fromkeys(names))[:MOST_HOSTS]:
        hosts.append((yield from published_host(name)))
    return PublishedMX(domain, reply, tuple(hosts))


def published_host(name: str) -> Lookups[PublishedHost]:
    """Look up the CNAME and the addresses of one host."""
    alias = yield from alias_of(name)
    addresses: tuple[str, ...] = ()
    trouble = ""
    for question in (ipv4_of(name), ipv6_of(name)):
        reply = yield from ask(question)
        addresses += reply.records
        if reply.found is Found.FAILED:
            trouble = reply.trouble or "no answer"
    return PublishedHost(name, alias, addresses, trouble)


def alias_of(name: str) -> Lookups[str]:
    """Return the target of a CNAME, empty where there is none."""
    reply = yield from ask(cname_of(name))
    return reply.records[0] if reply.records else ""
