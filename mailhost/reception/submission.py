"""Which senders and authors a submitted message may have (RFC 6409 §6.1)."""

from __future__ import annotations

from collections.abc import Callable

from mailhost.message.address import Address, BadAddress
from mailhost.message.header import addresses, values
from mailhost.message.status import Status

LONGEST_FROM = 16_384  # octets of all From fields: reading more would keep others waiting
MOST_AUTHORS = 50  # each may be a list of many members, all of whom are looked at
NOT_YOURS = "You may not send as <{}>; use an address whose mail reaches you"

TOO_MANY_AUTHORS = Status(
    554, "5.6.0", f"The From field has more than {MOST_AUTHORS} addresses, or is too long"
)


def sender_refusal(
    reverse_path: Address | None, may_send_as: Callable[[Address], bool]
) -> Status | None:
    """Return the refusal of a reverse-path that is not the account's; None for a good one."""
    if reverse_path is None or may_send_as(reverse_path):
        return None
    return Status(553, "5.7.1", NOT_YOURS.format(reverse_path))


def author_refusal(header: bytes, may_send_as: Callable[[Address], bool]) -> Status | None:
    """Return the refusal of a From field that is not the account's; None for a good one."""
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
            return Status(554, "5.7.1", NOT_YOURS.format(author))
    return None
