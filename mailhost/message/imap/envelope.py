"""ENVELOPE (RFC 9051 §7.5.2): ten fields of a header as one list."""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.message.imap.address_lists import ListedAddress, parse_addresses
from mailhost.message.imap.header_fields import HeaderFields
from mailhost.message.imap.strings import NIL, nstring

Addresses = list[ListedAddress]


@dataclass(frozen=True, slots=True)
class EnvelopeFields:
    """The values of an envelope. Texts are one line, encoded words and all; None for a field that
    is missing. Sender and Reply-To are as they were written, empty where they are missing."""

    date: bytes | None
    subject: bytes | None
    from_: Addresses
    sender: Addresses
    reply_to: Addresses
    to: Addresses
    cc: Addresses
    bcc: Addresses
    in_reply_to: bytes | None
    message_id: bytes | None


def read_envelope(header: HeaderFields) -> EnvelopeFields:
    """Return what the header says. Never raises."""
    return EnvelopeFields(
        date=header.first(b"date"),
        subject=header.first(b"subject"),
        from_=_addresses(header, b"from"),
        sender=_addresses(header, b"sender"),
        reply_to=_addresses(header, b"reply-to"),
        to=_addresses(header, b"to"),
        cc=_addresses(header, b"cc"),
        bcc=_addresses(header, b"bcc"),
        in_reply_to=header.first(b"in-reply-to"),
        message_id=header.first(b"message-id"),
    )


def _addresses(header: HeaderFields, name: bytes) -> Addresses:
    value = header.joined(name)
    return parse_addresses(value) if value else []


def write_envelope(fields: EnvelopeFields, utf8: bool = False) -> bytes:
    """Return the envelope as it goes over the wire.

    8-bit octets make literals, which every client reads; with `utf8` they are quoted strings where
    they are UTF-8. Sender and Reply-To default to From.
    """
    lists = (fields.sender or fields.from_, fields.reply_to or fields.from_)
    return b"(%b)" % b" ".join(
        (
            nstring(fields.date, utf8),
            nstring(fields.subject, utf8),
            *(_list(each, utf8) for each in (fields.from_, *lists)),
            *(_list(each, utf8) for each in (fields.to, fields.cc, fields.bcc)),
            nstring(fields.in_reply_to, utf8),
            nstring(fields.message_id, utf8),
        )
    )


def _list(addresses: Addresses, utf8: bool) -> bytes:
    if not addresses:
        return NIL
    return b"(%b)" % b"".join([_address(each, utf8) for each in addresses])


def _address(address: ListedAddress, utf8: bool) -> bytes:
    return b"(%b %b %b %b)" % tuple([nstring(each, utf8) for each in address])
