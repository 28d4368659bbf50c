"""Contents of entries that came in a moment ago, kept in memory for their first attempt, which then
reads nothing from the disk.

Only small contents are kept, and no more than MOST octets in all: where mail comes in faster than
it goes out, the others are read for their attempt.
"""

from __future__ import annotations

from mailhost.message.content import Content

LARGEST_CONTENT = 65_536  # octets of one
CACHE_SIZE = 16 << 20  # octets of all


def is_small(content: Content) -> bool:
    """True for a content that is worth keeping in memory, and sending to another process."""
    return content.in_memory and content.size <= LARGEST_CONTENT


class ContentCache:
    """Contents by the ids of their entries."""

    def __init__(self) -> None:
        self._contents: dict[str, Content] = {}
        self._octets = 0

    def keep(self, id: str, content: Content) -> None:
        """Keep a content until it is taken, if there is room."""
        if is_small(content) and content.size <= CACHE_SIZE - self._octets:
            self._contents[id] = content
            self._octets += content.size

    def take(self, id: str) -> Content | None:
        """Return the content of an entry, and keep it no longer. None where it was not kept."""
        content = self._contents.pop(id, None)
        if content is not None:
            self._octets -= content.size
        return content
