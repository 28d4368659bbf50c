"""Remembers copies of a message that came back through an alias, so that only one is bounced.

The copies that an alias sent to several hosts may all come back. The first one is refused (5.4.6),
and the host that brought it sends the bounce. All others are dropped: more bounces would only
repeat the first. A copy that is brought again, because the answer was lost, is refused again. A
restart forgets all copies: then a sender may get two bounces, never none.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable

from mailhost.interfaces.filters import IRates
from mailhost.message.address import Address
from mailhost.message.header import values

DAYS = 5  # for which other hosts may keep trying to bring a copy back, RFC 5321 §4.5.4.1


class AliasLoops:
    """Keeps its memory in `rates`, which all processes share."""

    def __init__(self, rates: IRates) -> None:
        self._rates = rates

    async def already_reported(
        self, header: bytes, hostname: str, alias: Address, sender: Address | None
    ) -> bool:
        """True where another copy of this message came back through the alias before, with the same
        `sender` (the reverse-path), who gets the bounce of that copy.

        `hostname` is ours; the first Received field of `header` is of this very reception. A
        message that does not say when it was here first (RFC 5321 §4.4) is always a new one.
        """
        ours = re.compile(rf"\sby {re.escape(hostname)} \(mailhost\) with \S+ id ([^\s;]+)")
        received = values(header, "Received")[1:]
        first_time = [found[1] for found in map(ours.search, received) if found]
        if not first_time:
            return False
        message = f"loop {first_time[-1]} {str(alias).lower()} {sender or '<>'}"
        copy = hashlib.sha256(received[0].encode()).hexdigest()
        is_first = await self._once(message)
        return await self._once(f"{message} {copy}") and not is_first

    async def _once(self, key: str) -> bool:
        """True for the first call with this key."""
        answer = self._rates.take(key, 1, DAYS * 86400.0)
        return await answer if isinstance(answer, Awaitable) else answer
