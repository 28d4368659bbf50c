"""Reads and edits whole messages for filters: large messages in threads, and few at a time.

So filters that examine or edit messages need a bounded amount of memory, however many messages
arrive at a time; the other messages wait in their files.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import DeferredSemaphore

from mailhost.concurrency.threads import InThread
from mailhost.interfaces.filters import FilterFailed
from mailhost.message.content import HEADER_LIMIT, Content, ContentWriter

T = TypeVar("T")

LARGE_AT_ONCE = 2  # large messages that are read at a time
# octets of a message that is read in the reactor's thread: hostile MIME of this size takes up to
# 10 ms, and the use of a thread takes 0.04 ms
SMALL_MESSAGE = 1 << 12


def is_small(content: Content) -> bool:
    """True for a message that may be read in the reactor's thread."""
    return content.in_memory and content.size <= SMALL_MESSAGE


class WholeMessages:
    """Reads and edits messages.

    Edited messages of more than `memory` octets are written to files in `folder`. `places` bounds
    the number of large messages that are read at a time, which is LARGE_AT_ONCE if it is None.
    """

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
        self._places = places or DeferredSemaphore(LARGE_AT_ONCE)

    async def read(self, content: Content, work: Callable[[bytes], T]) -> T:
        """Return the result of `work` for the message. Raises OSError and what `work` raises."""
        if is_small(content):
            return work(content.read())
        return await self.read_apart(content, work)

    async def read_apart(self, content: Content, work: Callable[[bytes], T]) -> T:
        """As `read`, but always in a thread, for work that may take long for small messages too."""
        return await self._alone(lambda: work(content.read()))

    async def edit(self, content: Content, change: Callable[[bytes], bytes]) -> Content:
        """Return the message as edited by `change`; the same object if that returns its argument.

        Raises OSError and what `change` raises.
        """

        def changed() -> Content:
            before = content.read()
            after = change(before)
            return content if after is before else self._kept(after)

        if is_small(content):
            return changed()
        return await self._alone(changed)

    async def edit_header(self, content: Content, change: Callable[[bytes], bytes]) -> Content:
        """As `edit`, but `change` takes and returns the header section, without the empty line.

        The rest of the message is not read. Raises FilterFailed too, for a header section of more
        than HEADER_LIMIT octets.
        """

        def changed() -> Content:
            before = content.header()
            if len(before) >= HEADER_LIMIT:
                raise FilterFailed("the header is larger than can be examined")
            after = change(before)
            if after is before:
                return content
            return content.slice(len(before), content.size).after(after)

        return changed() if content.in_memory else await self._alone(changed)

    async def keep(self, content: Content) -> Content:
        """Return the same message, in a file if it exceeds `memory` octets. Raises OSError."""
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
