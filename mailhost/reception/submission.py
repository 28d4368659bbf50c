"""Checks the sender and the authors of a submitted message (RFC 6409 §6.1)."""

from __future__ import annotations

from collections.abc import Callable

from mailhost.message.address import Address, BadAddress
from mailhost.message.header import addresses, values
from mailhost.message.status import Status

LONGEST_FROM = 16_384  # octets of all From fields, whose parsing blocks the reactor
MOST_AUTHORS = 50  # each may be an alias with many members, which are all looked up
ADDRESS_NOT_YOURS = "You may not send as <{}>; use an address whose mail reaches you"

TOO_MANY_AUTHORS = Status(
    554, "5.6.0", f"The From field has more than {MOST_AUTHORS} addresses, or is too long"
)


def sender_refusal(
    reverse_path: Address | None, may_send_as: Callable[[Address], bool]
) -> Status | None:
    """Return the refusal of a reverse-path that the account may not use, None for another."""
    if reverse_path is None or may_send_as(reverse_path):
        return None
    return Status(553, "5.7.1", ADDRESS_NOT_YOURS.format(reverse_path))


def author_refusal(header: bytes, may_send_as: Callable[[Address], bool]) -> Status | None:
    """Return the refusal where a From field has an address that the account may not use, or cannot
    be read; otherwise None. `header` is the header section."""
    found = values(header, "From")
    if sum(map(len, found)) > LONGEST_FROM:
        return TOO_MANY_AUTHORS
    try:
        authors = {author: None for value in found for author in addresses(value)}
    except BadAddress as error:
        return Status(554, "5.6.0", "The From field cannot be read", str(error))
    if len(authors) > MOST_AUTHORS:
        return TOO_MANY_AUTHORS
    for author in authors:
        if not may_send_as(author):
            return Status(554, "5.7.1", ADDRESS_NOT_YOURS.format(author))
    return None
