"""Folds text for the operator."""

from __future__ import annotations

import textwrap


def folded(start: str, text: str, width: int, indent: str | None = None) -> list[str]:
    """Return `text` behind `start` in lines of at most `width` columns; a longer word is not
    broken. Further lines begin with `indent`, by default with as many blanks as `start` has."""
    return textwrap.wrap(
        " ".join(text.split()),
        width,
        initial_indent=start,
        subsequent_indent=" " * len(start) if indent is None else indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def comment(text: str, width: int) -> list[str]:
    """Return `text` as comments of a zone file or of nsupdate."""
    return folded("; ", text, width, ";   ")
