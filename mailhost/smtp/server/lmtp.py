"""What LMTP does otherwise than SMTP once the content is whole (RFC 2033 §4.2)."""

from __future__ import annotations

from collections.abc import Sequence

from mailhost.message.status import LOCAL_ERROR, Status


def final_replies(found: Sequence[Status], accepted: int, lmtp: bool) -> Sequence[Status]:
    """Return one reply, or with LMTP one for each of the `accepted` recipients.

    A single status stands for all. Whatever was found, client and session stay in step.
    """
    found = found or [LOCAL_ERROR]
    if not lmtp:
        return found[:1]
    filling = found[0] if len(found) == 1 else LOCAL_ERROR
    return [*found, *[filling] * accepted][:accepted]
