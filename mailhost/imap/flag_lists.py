"""Flags on the wire: the flags of messages, and the lines with the flags that a folder has.

A list in parentheses is made once for each combination of flags that a folder has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mailhost.imap.grammar import response
from mailhost.imap.grammar.response_message import flags_lines
from mailhost.interfaces.folders import FolderView
from mailhost.message.flags import SYSTEM_FLAGS, flag_names

FlagLines = Callable[[Sequence[int], Sequence[int]], list[bytes]]
"""Makes the FETCH lines of messages from their numbers and their places in a view."""


class FlagLists(dict[int, bytes]):
    """Lists of flags in parentheses by their bits. `keywords` is the folder's table."""

    def __init__(self, keywords: Sequence[str]) -> None:
        super().__init__()
        self._keywords = keywords

    def __missing__(self, flags: int) -> bytes:
        text = self[flags] = response.flag_list(flag_names(flags, self._keywords))
        return text


def flag_lines(view: FolderView, uid: bool, modseq: bool) -> FlagLines:
    """Return what makes the FETCH lines for changed flags, with UID and MODSEQ where wanted."""
    lists = FlagLists(view.keywords)

    def lines(numbers: Sequence[int], places: Sequence[int]) -> list[bytes]:
        return flags_lines(
            numbers,
            [lists[view.flags[place]] for place in places],
            [view.uids[place] for place in places] if uid else None,
            [view.modseqs[place] for place in places] if modseq else None,
        )

    return lines


def known_flags(view: FolderView, read_only: bool) -> bytes:
    """Return the lines with the flags of a folder, and with those that the client may set
    (RFC 9051 §7.3.5)."""
    keywords = [name for name in view.keywords if name]
    known = [*SYSTEM_FLAGS, *keywords]
    more = view.more_keywords and not read_only
    code = response.permanent_flags([] if read_only else known, keywords=more)
    text = "No flags can be set" if read_only else "These flags can be set"
    return response.flags(known) + response.status(b"*", response.OK, text, code)
