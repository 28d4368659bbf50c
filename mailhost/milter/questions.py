"""The facts that the host knows, as questions for a filter: a client, a message's fields and its
body."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address

from mailhost.message.client import Client
from mailhost.message.content import Content
from mailhost.message.header import fields
from mailhost.milter.codec import LARGEST_SENT
from mailhost.milter.commands import BodyCommand, ConnectCommand, Family, HeaderCommand
from mailhost.milter.negotiation import NegotiatedTerms

LONGEST_NAME = 1000  # octets of a field's name


def connect_of(client: Client, name: str = "") -> ConnectCommand:
    """The client. `name` is its host's where DNS says so both ways, else its address stands."""
    if not client.ip:
        return ConnectCommand(name or "localhost")
    ip = ip_address(client.ip.partition("%")[0])
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    family = Family.IPV4 if ip.version == 4 else Family.IPV6
    return ConnectCommand(name or f"[{ip}]", family, client.port, str(ip))


def header_of(section: bytes, terms: NegotiatedTerms) -> Iterator[HeaderCommand]:
    """The fields of a header section in order.

    Folded lines end in LF alone, and the space behind the colon is left out unless the filter
    wants it, as with Sendmail. A value that fits in no packet is cut: libmilter would hang up.
    """
    for field in fields(section):
        name, value = field.name[:LONGEST_NAME], field.value.replace(b"\r\n", b"\n")
        if not terms.leading_space:
            value = value.removeprefix(b" ")
        yield HeaderCommand(name, value[: LARGEST_SENT - len(name) - 2])


def body_of(content: Content, section: bytes) -> Iterator[BodyCommand]:
    """All that comes after the header section and the empty line."""
    start = len(section)
    if content.slice(start, start + 2).read() == b"\r\n":
        start += 2
    yield from map(BodyCommand, content.slice(start, content.size).chunks(LARGEST_SENT))
