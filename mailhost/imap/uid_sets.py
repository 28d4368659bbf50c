"""Sets of UIDs on the wire, as ranges."""

from __future__ import annotations

from collections.abc import Sequence


def uid_set(uids: Sequence[int]) -> bytes:
    """Return UIDs in their order, with `first:last` for each run of rising ones."""
    texts: list[str] = []
    first = last = 0
    for uid in (*uids, 0):
        if first and uid == last + 1:
            last = uid
            continue
        if first:
            texts.append(f"{first}:{last}" if last > first else str(first))
        first = last = uid
    return ",".join(texts).encode()
