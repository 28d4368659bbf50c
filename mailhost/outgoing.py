"""The last steps for mail that leaves in our name, in their order.

A message is completed twice: before the filters, so that they see, sign and keep what leaves, and
in the first step here if a filter changed the content. A step that needs the final content, such as
a signature, comes after that one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from zope.interface import implementer

from mailhost.concurrency.answers import then
from mailhost.concurrency.threads import InThread
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.outgoing import IOutgoing, IOutgoingStep, OutgoingMessage
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.date import format_date
from mailhost.message.header import values
from mailhost.message.status import LOCAL_ERROR, Status


@implementer(IOutgoing)
class Outgoing:
    """`more` are steps after the completion."""

    def __init__(self, completion: Completion, more: Sequence[IOutgoingStep] = ()) -> None:
        self._completion = completion
        self._steps: tuple[IOutgoingStep, ...] = (IOutgoingStep(completion), *more)

    def missing(self, header: bytes, author: Address, identity: str) -> bytes:
        return self._completion.missing(header, author, identity)

    def leave(self, message: OutgoingMessage) -> Answer[Content | Status]:
        return self._apply(message, 0)

    def _apply(self, message: OutgoingMessage, number: int) -> Answer[Content | Status]:
        """Apply the steps from `number` on."""
        if number == len(self._steps):
            return message.content

        def go_on(found: Content | Status) -> Answer[Content | Status]:
            if isinstance(found, Status):
                return found
            if found is message.content:
                return self._apply(message, number + 1)
            return self._apply(replace(message, content=found), number + 1)

        return then(self._steps[number].apply(message), go_on)


@implementer(IOutgoingStep)
class Completion:
    """Adds From, Date and Message-ID (RFC 5322 §3.6) where they are missing. `now` is in seconds
    since the epoch; headers of messages in files are read by way of `in_thread`."""

    def __init__(
        self, hostname: str, in_thread: InThread, now: Callable[[], float] = time.time
    ) -> None:
        self._hostname = hostname
        self._in_thread = in_thread
        self._now = now

    def missing(self, header: bytes, author: Address, identity: str) -> bytes:
        """Return the fields that are missing in a header section."""
        added = b""
        if not values(header, "From"):
            added += f"From: <{author}>\r\n".encode()
        if not values(header, "Date"):
            added += f"Date: {format_date(int(self._now()))}\r\n".encode()
        if not values(header, "Message-ID"):
            added += f"Message-ID: <{identity}@{self._hostname}>\r\n".encode()
        return added

    def apply(self, message: OutgoingMessage) -> Answer[Content | Status]:
        content = message.content
        if content is message.completed or message.relayed:
            return content  # the usual case: no filter has changed it
        if content.in_memory:
            return self._complete(message, content.header())
        return self._apply_on_disk(message)

    async def _apply_on_disk(self, message: OutgoingMessage) -> Content | Status:
        try:
            header = await self._in_thread(message.content.header)
        except OSError as error:
            return LOCAL_ERROR.because(f"the message cannot be read: {error}")
        return self._complete(message, header)

    def _complete(self, message: OutgoingMessage, header: bytes) -> Content:
        added = self.missing(header, message.author, message.identity)
        return message.content.after(added, header) if added else message.content
