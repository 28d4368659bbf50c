"""Questions for a filter, made from values of the host: a client, the header and the body of a
message."""

from __future__ import annotations

from collections.abc import Iterator

from mailhost.message.client import Client, plain_address
from mailhost.message.content import Content
from mailhost.message.header import fields
from mailhost.milter.codec import LARGEST_SENT_PACKET
from mailhost.milter.commands import BodyCommand, ConnectCommand, Family, HeaderCommand
from mailhost.milter.negotiation import NegotiatedTerms

LONGEST_FIELD_NAME = 1000  # octets of a field's name


def connect_of(client: Client, name: str = "") -> ConnectCommand:
    """Return the question about a client. `name` is its host name, verified in DNS in both
    directions; if it is empty, the address in brackets is sent."""
    if not client.ip:
        return ConnectCommand(name or "localhost")
    ip = plain_address(client.ip)
    family = Family.IPV4 if ip.version == 4 else Family.IPV6
    return ConnectCommand(name or f"[{ip}]", family, client.port, str(ip))


def header_of(section: bytes, terms: NegotiatedTerms) -> Iterator[HeaderCommand]:
    """Yield a question for each field of a header section, in order.

    As in Sendmail, folded lines end in LF, and the space behind the colon is left out unless the
    filter wants it. A value that is too large for a packet is cut: libmilter would close the
    connection.
    """
    for field in fields(section):
        name, value = field.name[:LONGEST_FIELD_NAME], field.value.replace(b"\r\n", b"\n")
        if not terms.leading_space:
            value = value.removeprefix(b" ")
        yield HeaderCommand(name, value[: LARGEST_SENT_PACKET - len(name) - 2])


def body_of(content: Content, section: bytes) -> Iterator[BodyCommand]:
    """Yield the questions with the octets behind the header section and the empty line."""
    start = len(section)
    if content.slice(start, start + 2).read() == b"\r\n":
        start += 2
    yield from map(BodyCommand, content.slice(start, content.size).chunks(LARGEST_SENT_PACKET))
