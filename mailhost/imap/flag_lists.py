"""Flag lists on the wire, made once for each combination of flags that a folder has."""

from __future__ import annotations

from collections.abc import Sequence

from mailhost.message.flags import flag_names


class FlagLists(dict[int, bytes]):
    """The names of flags, divided by blanks, by their bits. `keywords` is the folder's table."""

    def __init__(self, keywords: Sequence[str]) -> None:
        super().__init__()
        self._keywords = keywords

    def __missing__(self, flags: int) -> bytes:
        text = self[flags] = " ".join(flag_names(flags, self._keywords)).encode()
        return text
