"""The own side of connections to other hosts: addresses, IP versions, and the name in EHLO."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated, Any

from pydantic import BeforeValidator

from mailhost.config.section import Section
from mailhost.config.types import DomainName

_MEANT = (
    'write an IP address of this machine, a list of one IPv4 and one IPv6 address, or "" for any'
)


class Families(StrEnum):
    """The IP versions by which other hosts are reached. `both`: in the order of the resolver, but a
    version whose own address has no reverse name comes last."""

    BOTH = "both"
    IPV4 = "ipv4"
    IPV6 = "ipv6"
    IPV4_FIRST = "ipv4-first"
    IPV6_FIRST = "ipv6-first"


def _source_addresses(value: Any) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple):
        raise ValueError(_MEANT)
    if texts == [""]:
        return ()
    try:
        found = tuple(ip_address(text if isinstance(text, str) else "") for text in texts)
    except ValueError as error:
        raise ValueError(_MEANT) from error
    if len({each.version for each in found}) < len(found):
        twice = len(set(found)) < len(found)
        text = "an address is there twice" if twice else "both addresses are of one IP version"
        raise ValueError(f"{text}; {_MEANT}")
    return tuple(map(str, found))


SourceAddresses = Annotated[tuple[str, ...], BeforeValidator(_source_addresses)]


def of_family(addresses: Sequence[str], ip: str) -> str:
    """Return the one of `addresses` that has the IP version of `ip`, empty for none."""
    return next((each for each in addresses if (":" in each) is (":" in ip)), "")


class DomainSending(Section):
    """`[domain.NAME.sending]` and `[relay.domain.NAME]`: connections that carry mail of one sender
    domain. Without `address` those of `[relay]` are used, without `hello` the hostname."""

    address: SourceAddresses = ()
    hello: DomainName | None = None
