"""Finds the pool of sending hosts that a client belongs to, where the DNS confirms it.

A large sender repeats an attempt from another host, in another network. The names of its hosts in
HELO have the same domain, for example `mail-wr1-f43.google.com` and `mail-ej1-f53.google.com`. A
name counts only if it has an address in the network of the client, so that a client cannot join a
pool by its HELO alone.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address

from mailhost.interfaces.dns import IResolver, NoSuchDomain, ResolveFailed
from mailhost.message.address import BadAddress, parse_domain

# labels in front of a country code below which domains are registered, such as `co` in `co.uk`
REGISTRIES = frozenset(
    ("ac", "co", "com", "edu", "go", "gob", "gov", "gv", "mil", "ne", "net", "nom", "or", "org")
)


async def pool_of(hello: str, network: IPv4Network | IPv6Network, resolver: IResolver) -> str:
    """Return the domain of the pool, empty if there is none or the DNS does not answer."""
    try:
        name = parse_domain(hello)
        addresses = await resolver.addresses(name) if "." in name else ()
    except (BadAddress, NoSuchDomain, ResolveFailed):
        return ""
    if not any(ip_address(each.partition("%")[0]) in network for each in addresses):
        return ""
    domain = name.partition(".")[2]
    return name if _is_shared(domain) else domain


def _is_shared(domain: str) -> bool:
    """True for a top-level domain, and for a domain such as `co.uk` below which domains are
    registered. REGISTRIES has the usual names of such domains, not all."""
    second, _, top = domain.rpartition(".")
    return not second or (second in REGISTRIES and len(top) == 2)
