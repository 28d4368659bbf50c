"""The header fields that a cache keeps, to answer HEADER.FIELDS without reading the message.

Kept are those that mail programs ask for to show a list of messages, as they stand in the header. A
name of the list that a message does not have costs nothing, and is known to be missing.
"""

from __future__ import annotations

from collections.abc import Iterable

from mailhost.message.imap.sections import joined_fields, only_fields

KEPT = frozenset(
    (
        b"date subject from sender reply-to to cc bcc in-reply-to message-id references"
        b" content-type content-transfer-encoding mime-version importance priority x-priority"
        b" x-msmail-priority list-id list-post list-unsubscribe list-unsubscribe-post newsgroups"
        b" followup-to disposition-notification-to resent-message-id resent-from mail-followup-to"
        b" mail-reply-to auto-submitted x-draft-info x-identity-key x-uniform-type-identifier"
        b" x-universally-unique-identifier x-k9mail-identity chat-version autocrypt-setup-message"
        b" bimi-indicator x-bimi-indicator-hash x-spam-flag x-spam-status x-spam"
    ).split()
)
LONGEST = 1 << 14  # octets that are kept; the header of a larger one is read from the message


def kept_fields(header: bytes, found: list[bytes]) -> bytes | None:
    """Return what a cache keeps of a header section: `found`, its KEPT fields, and its empty line.
    None where that is too large to keep."""
    kept = joined_fields(header, found)
    return kept if len(kept) <= LONGEST else None


def answer_from(kept: bytes | None, names: Iterable[bytes]) -> bytes | None:
    """Return the HEADER.FIELDS section with these names, None where the message must be read."""
    if kept is None or any(name.lower() not in KEPT for name in names):
        return None
    return only_fields(kept, names)
