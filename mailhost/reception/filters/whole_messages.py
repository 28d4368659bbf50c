"""Where messages are read whole: few at a time, and the large ones out of the reactor's thread.

So filters that look into messages, or edit them, take a bounded amount of memory, however many
messages are under way; the others wait in their files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import DeferredSemaphore

from mailhost.concurrency.threads import InThread
from mailhost.interfaces.filters import FilterFailed
from mailhost.message.content import HEADER_LIMIT, Content, ContentWriter

T = TypeVar("T")

AT_ONCE = 2  # large messages
# octets that are read at once, in the reactor's thread: hostile MIME of this size takes up to
# 10 ms, and a thread costs 0.04
SMALL = 1 << 12


def is_small(content: Content) -> bool:
    """True where it may be read in the reactor's thread."""
    return content.in_memory and content.size <= SMALL


class WholeMessages:
    """Edited messages above `memory` octets lie in `folder`. `places` bounds the large messages
    that are read at a time: AT_ONCE if it is None."""

    def __init__(
        self,
        folder: str,
        memory: int,
        in_thread: InThread,
        places: DeferredSemaphore | None = None,
    ) -> None:
        self._folder = folder
        self._memory = memory
        self._in_thread = in_thread
        self._places = places or DeferredSemaphore(AT_ONCE)

    async def read(self, content: Content, work: Callable[[bytes], T]) -> T:
        """Return what `work` makes of the message. Raises OSError, and what `work` raises."""
        if is_small(content):
            return work(content.read())
        return await self.read_apart(content, work)

    async def read_apart(self, content: Content, work: Callable[[bytes], T]) -> T:
        """As `read`, and never in the reactor's thread: for what takes long whatever the size."""
        return await self._alone(lambda: work(content.read()))

    async def edit(self, content: Content, change: Callable[[bytes], bytes]) -> Content:
        """Return the message as `change` makes it; the very same where it changes nothing.

        Raises OSError, and what `change` raises.
        """

        def changed() -> Content:
            before = content.read()
            after = change(before)
            return content if after is before else self._kept(after)

        if is_small(content):
            return changed()
        return await self._alone(changed)

    async def edit_header(self, content: Content, change: Callable[[bytes], bytes]) -> Content:
        """As `edit`, where `change` gets and returns the header section alone, without the empty
        line after it; the rest stays where it is.

        Raises FilterFailed too, for one that is larger than can be looked at: it is cut somewhere.
        """

        def changed() -> Content:
            before = content.header()
            if len(before) >= HEADER_LIMIT:
                raise FilterFailed("the header is larger than can be looked at")
            after = change(before)
            if after is before:
                return content
            return content.slice(len(before), content.size).after(after)

        return changed() if content.in_memory else await self._alone(changed)

    async def keep(self, content: Content) -> Content:
        """Return the same, in a file where it is large. Raises OSError."""
        if not content.in_memory or content.size <= self._memory:
            return content
        return await self._in_thread(lambda: self._kept(content.read()))

    async def _alone(self, work: Callable[[], T]) -> T:
        await self._places.acquire()
        try:
            return await self._in_thread(work)
        finally:
            self._places.release()

    def _kept(self, message: bytes) -> Content:
        writer = ContentWriter(self._folder, self._memory)
        writer.write(message)
        return writer.finish()
