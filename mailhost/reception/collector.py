"""Keeps the content of a message while it arrives: in memory up to a limit, then in a file.

A fault of the disk is returned at the end of data.
"""

from __future__ import annotations

import errno
from collections.abc import Callable

from zope.interface import implementer

from mailhost.concurrency.threads import InThread
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.reception import ICollector
from mailhost.message.content import Content, ContentWriter
from mailhost.message.status import LOCAL_ERROR, NO_STORAGE, Status


@implementer(ICollector)
class Collector:
    """Collects one message. Where it has more than `memory` octets, a thread writes it to a file
    in `folder`."""

    def __init__(self, folder: str, memory: int, in_thread: InThread) -> None:
        self._writer: ContentWriter | None = ContentWriter(folder, memory)
        self._in_thread = in_thread
        self._refusal = LOCAL_ERROR

    def write(self, chunk: bytes) -> Answer[None]:
        if self._writer is None or not self._writer.add(chunk):
            return None
        return self._spill(self._writer)

    async def _spill(self, writer: ContentWriter) -> None:
        try:
            await self._in_thread(writer.spill)
        except OSError as fault:
            self._refusal, self._writer = disk_refusal(fault), None

    def finish(self) -> Answer[Content | Status]:
        if self._writer is None:
            return self._refusal
        if self._writer.on_disk:
            return self._finish_on_disk(self._writer.finish)
        return self._writer.finish()

    async def _finish_on_disk(self, finish: Callable[[], Content]) -> Content | Status:
        try:
            return await self._in_thread(finish)
        except OSError as fault:
            return disk_refusal(fault)


def disk_refusal(fault: OSError) -> Status:
    """Return the deferral for a message that the disk cannot store."""
    full = fault.errno in (errno.ENOSPC, errno.EDQUOT)
    return (NO_STORAGE if full else LOCAL_ERROR).because(str(fault))
