"""The trace fields that we put on top of a message (RFC 5321 §4.4, RFC 9228)."""

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
    """Return our Received field. `now` is in seconds since the epoch.

    The recipient is named only where it is the only one: others are nobody's business.
    """
    lines = [
        f"Received: from {_fit(client.hello, envelope.smtputf8) or 'unknown'} ({_peer(client)})",
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
    """Return Return-Path and Delivered-To, for the top of a message in its mailbox."""
    return f"Return-Path: <{reverse_path or ''}>\r\nDelivered-To: {delivered_to}\r\n".encode()


def alias_fields(through: Sequence[Address], utf8: bool) -> bytes:
    """Return a Delivered-To field for each alias that a message leaves this host through, the first
    alias lowest. Without `utf8` those outside ASCII have none: the header must be ASCII."""
    named = [address for address in through if utf8 or address.ascii]
    return b"".join(f"Delivered-To: {address}\r\n".encode() for address in reversed(named))


def passed(header: bytes) -> frozenset[str]:
    """Return the addresses that a message was delivered to before, in lower case (RFC 9228).

    Somebody who resends a message puts Resent fields on top of the header that it had (RFC 5322
    §3.6.6): where it was delivered before that is no loop.
    """
    resent = _RESENT.search(header)
    since = header[: resent.start()] if resent else header
    return frozenset(value.lower() for value in values(since, "Delivered-To"))


def _peer(client: Client) -> str:
    if not client.ip:
        return "local socket"
    return f"[IPv6:{client.ip}]" if ":" in client.ip else f"[{client.ip}]"


def _fit(name: str, utf8: bool) -> str:
    """A client may call itself anything; a header field may not hold anything."""
    fit = _UNFIT.sub("?", name)
    return fit if utf8 else fit.encode("ascii", "replace").decode()
