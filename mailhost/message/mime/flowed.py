"""Plain text that mail programs may break anew: format=flowed (RFC 3676)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

SIGNATURE = "-- "  # begins a signature, and does not flow (RFC 3676 §4.3)
_WIDTH = 72


def flow(lines: Iterable[str], delete_space: bool = False) -> Iterator[str]:
    """Yield the lines as flowed text: long ones in several that end with a blank, all others fixed.

    `delete_space` is DelSp=yes (RFC 3676 §4.2): a reader takes that blank away.
    """
    going_on = "  " if delete_space else " "
    for line in lines:
        if line == SIGNATURE:
            yield line
            continue
        *first, last = _wrapped(line.rstrip(" ")) or [""]
        yield from (_stuffed(each) + going_on for each in first)
        yield _stuffed(last)


def _wrapped(line: str) -> list[str]:
    if len(line) <= _WIDTH:
        return [line]
    return textwrap.wrap(
        line,
        _WIDTH,
        expand_tabs=False,
        replace_whitespace=False,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _stuffed(line: str) -> str:
    """RFC 3676 §4.4: what could be read as a quote, or as stuffed already."""
    return f" {line}" if line.startswith((" ", ">", "From ")) else line
