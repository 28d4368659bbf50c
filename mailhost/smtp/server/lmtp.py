"""The replies to the content: one in SMTP, one for each recipient in LMTP (RFC 2033 §4.2)."""

from __future__ import annotations

from collections.abc import Sequence

from mailhost.message.status import LOCAL_ERROR, Status


def final_replies(statuses: Sequence[Status], accepted: int, lmtp: bool) -> Sequence[Status]:
    """Return one reply, or with LMTP as many replies as there are accepted recipients.

    A single status is the reply for every recipient. If the reception returned any other number of
    statuses, they are cut or filled up with LOCAL_ERROR, so that each recipient has one reply.
    """
    statuses = statuses or [LOCAL_ERROR]
    if not lmtp:
        return statuses[:1]
    filling = statuses[0] if len(statuses) == 1 else LOCAL_ERROR
    return [*statuses, *[filling] * accepted][:accepted]
