"""Finds the domain of mail that a request is about: that of the mail address in it, or that of the
name that was asked for.

Only the domain is looked up, never the account: the answer for an address is the same whether it
has a mailbox or not.
"""

from __future__ import annotations

from mailhost.message.address import Address, BadAddress, parse_address
from mailhost.web.hosts import WebHost, WebHosts


def own_address(text: str, hosts: WebHosts) -> Address | None:
    """Return an address in a domain of this host, None for a malformed one and for others."""
    try:
        address = parse_address(text.strip())
    except BadAddress:
        return None
    return address if text.isprintable() and hosts.is_domain(address.domain) else None


def domain_of(text: str, host: WebHost | None, hosts: WebHosts) -> str:
    """Return the domain of the address `text`, for an empty one that of the name that was asked
    for; empty if there is no domain of this host."""
    if not text:
        return host.domain if host else ""
    address = own_address(text, hosts)
    return address.domain if address else ""
