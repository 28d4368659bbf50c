"""Plain text whose lines mail programs may wrap again: format=flowed (RFC 3676)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

SIGNATURE = "-- "  # begins a signature, and does not flow (RFC 3676 §4.3)
_LONGEST_LINE = 72


def flow(lines: Iterable[str], delete_space: bool = False) -> Iterator[str]:
    """Yield the lines as flowed text: a long line as several lines that end with a blank.

    `delete_space` is DelSp=yes (RFC 3676 §4.2): mail programs remove that blank, so another one is
    written in front of it.
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
    if len(line) <= _LONGEST_LINE:
        return [line]
    return textwrap.wrap(
        line,
        _LONGEST_LINE,
        expand_tabs=False,
        replace_whitespace=False,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _stuffed(line: str) -> str:
    """Return the line with a blank in front if it could be read as a quotation, as a From line of
    an mbox file, or as stuffed already (RFC 3676 §4.4)."""
    return f" {line}" if line.startswith((" ", ">", "From ")) else line
