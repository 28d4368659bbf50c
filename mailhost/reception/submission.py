"""What a submitted message must have, and what we add where it lacks it (RFC 6409 §8)."""

from __future__ import annotations

from collections.abc import Callable

from mailhost.message.address import Address, BadAddress
from mailhost.message.date import format_date
from mailhost.message.header import addresses, fields, values
from mailhost.message.status import Status

NOT_YOURS = "You may not send as <{}>; use an address whose mail reaches you"


def sender_refusal(
    reverse_path: Address | None, may_send_as: Callable[[Address], bool]
) -> Status | None:
    """Return the refusal of a reverse-path that is not the account's; None for a good one."""
    if reverse_path is None or may_send_as(reverse_path):
        return None
    return Status(553, "5.7.1", NOT_YOURS.format(reverse_path))


def author_refusal(header: bytes, may_send_as: Callable[[Address], bool]) -> Status | None:
    """Return the refusal of a From field that is not the account's; None for a good one."""
    try:
        authors = [author for value in values(header, "From") for author in addresses(value)]
    except BadAddress as error:
        return Status(554, "5.6.0", "The From field cannot be read", str(error))
    for author in authors:
        if not may_send_as(author):
            return Status(554, "5.7.1", NOT_YOURS.format(author))
    return None


def missing_fields(
    header: bytes, author: Address, hostname: str, identity: str, now: float
) -> bytes:
    """Return the fields that a message should have and this one has not: From, Date, Message-ID."""
    present = {field.name.lower() for field in fields(header)}
    added = b""
    if b"from" not in present:
        added += f"From: <{author}>\r\n".encode()
    if b"date" not in present:
        added += f"Date: {format_date(int(now))}\r\n".encode()
    if b"message-id" not in present:
        added += f"Message-ID: <{identity}@{hostname}>\r\n".encode()
    return added
