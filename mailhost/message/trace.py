"""The trace fields that this host puts in front of a message (RFC 5321 §4.4, RFC 9228)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.date import format_date
from mailhost.message.envelope import Envelope
from mailhost.message.header import values

_UNFIT = re.compile(r"[^\w.:\[\]-]")
_RESENT = re.compile(rb"^resent-[!-9;-~]+[ \t]*:", re.IGNORECASE | re.MULTILINE)


def received_field(
    client: Client, envelope: Envelope, hostname: str, identity: str, now: float
) -> bytes:
    """Return the Received field of this host. `now` is in seconds since the epoch.

    A recipient is named only where it is the only one, so that recipients do not learn of each
    other.
    """
    lines = [
        f"Received: from {_fitted(client.hello, envelope.smtputf8) or 'unknown'} ({_peer(client)})",
        f"by {hostname} (mailhost) with {with_protocol(client, envelope)} id {identity}",
    ]
    if client.tls:
        lines.append(f"(using {client.tls.version} with cipher {client.tls.cipher})")
    if len(envelope.recipients) == 1:
        address = envelope.recipients[0].address
        if address.ascii or envelope.smtputf8:
            lines.append(f"for <{address}>")
    return ("\r\n\t".join(lines) + f"; {format_date(int(now))}\r\n").encode()


def with_protocol(client: Client, envelope: Envelope) -> str:
    """Return the name of the protocol (RFC 3848, RFC 6531 §4.3)."""
    if not client.extended:
        return "SMTP"
    lmtp = client.protocol == "lmtp"
    secured = ("S" if client.tls else "") + ("A" if client.account else "")
    if envelope.smtputf8:
        return ("UTF8LMTP" if lmtp else "UTF8SMTP") + secured
    return ("LMTP" if lmtp else "ESMTP") + secured


def delivery_fields(reverse_path: Address | None, delivered_to: Address) -> bytes:
    """Return the fields Return-Path and Delivered-To of a message in a mailbox."""
    return f"Return-Path: <{reverse_path or ''}>\r\nDelivered-To: {delivered_to}\r\n".encode()


def alias_fields(through: Sequence[Address], utf8: bool) -> bytes:
    """Return a Delivered-To field for each alias through which a message leaves this host.

    The field of the first alias is the lowest. Without `utf8` an alias outside ASCII has no field,
    because the header section must be ASCII.
    """
    named = [address for address in through if utf8 or address.ascii]
    return b"".join(f"Delivered-To: {address}\r\n".encode() for address in reversed(named))


def delivered_before(header: bytes) -> frozenset[str]:
    """Return the addresses that a message was delivered to before, in lower case (RFC 9228).

    Fields below a Resent field are not read: a user who resends a message puts Resent fields in
    front of its header section (RFC 5322 §3.6.6), and an earlier delivery to the same address is
    then no loop.
    """
    resent = _RESENT.search(header)
    since = header[: resent.start()] if resent else header
    return frozenset(value.lower() for value in values(since, "Delivered-To"))


def _peer(client: Client) -> str:
    if not client.ip:
        return "local socket"
    return f"[IPv6:{client.ip}]" if ":" in client.ip else f"[{client.ip}]"


def _fitted(name: str, utf8: bool) -> str:
    """Return a name from HELO or EHLO without the characters that the field may not have."""
    fitted = _UNFIT.sub("?", name)
    return fitted if utf8 else fitted.encode("ascii", "replace").decode()
