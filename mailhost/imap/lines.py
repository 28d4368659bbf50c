"""Sends many lines to a client: as fast as it reads, with pauses in which others are served."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from mailhost.imap.context import Context

AT_ONCE = 500  # lines between two pauses


async def send_lines(context: Context, lines: Iterable[bytes]) -> None:
    """Send lines that are made while they are sent. Raises ConnectionLost."""
    left = iter(lines)
    while some := list(islice(left, AT_ONCE)):
        await context.wire.stream(iter((b"".join(some),)))
        if len(some) == AT_ONCE:
            await context.pause()
