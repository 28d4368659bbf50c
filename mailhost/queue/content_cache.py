"""Contents of entries that came in a moment ago, kept in memory for their first attempt: it need
not read them from the disk.

Small ones alone, and no more than MOST octets of them: where the queue grows faster than it is
carried, the rest is read when its turn comes.
"""

from __future__ import annotations

from mailhost.message.content import Content

LARGEST = 65_536  # octets of one
MOST = 16 << 20  # octets of all


def is_small(content: Content) -> bool:
    """True where it is worth keeping, and handing to another process."""
    return content.in_memory and content.size <= LARGEST


class ContentCache:
    """Contents by the ids of their entries."""

    def __init__(self) -> None:
        self._contents: dict[str, Content] = {}
        self._octets = 0

    def keep(self, id: str, content: Content) -> None:
        """Keep it until it is taken, if there is room."""
        if is_small(content) and content.size <= MOST - self._octets:
            self._contents[id] = content
            self._octets += content.size

    def take(self, id: str) -> Content | None:
        """Return the content of an entry, which is not kept any longer. None where it is not."""
        content = self._contents.pop(id, None)
        if content is not None:
            self._octets -= content.size
        return content
