"""A moment of the command line: a date and time, a time of today, or how long ago."""

from __future__ import annotations

import time
from datetime import datetime

from mailhost.cli.context import Fail
from mailhost.config.types import duration


def moment_of(text: str, now: float) -> float:
    """Return seconds since 1970 for a local time such as "2026-03-01 14:30", "2026-03-01", "14:30",
    or a time before `now` such as "2 hours". Raises Fail."""
    words = text.strip()
    if ":" in words and "-" not in words:  # a time of today
        words = time.strftime("%Y-%m-%d ", time.localtime(now)) + words.rjust(5, "0")
    try:
        return datetime.fromisoformat(words).timestamp()
    except (ValueError, OverflowError):
        pass
    try:
        return now - duration(words)
    except ValueError:
        wanted = 'write a time such as "2 hours" (ago), "14:30" or "2026-03-01 14:30"'
        raise Fail(f"{text!r} is no time: {wanted}") from None
