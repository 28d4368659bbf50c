"""One message on its way in: recipients checked, content collected, header looked at, handed over.

A disk that cannot take the content is told at the end of data, and nothing is handed over.
"""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Sequence

from zope.interface import implementer

from mailhost.events import Received
from mailhost.interfaces import Answer, ITransaction
from mailhost.message.accounts import DirectoryView
from mailhost.message.client import Client
from mailhost.message.content import Content, ContentWriter
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.header import count_received, values
from mailhost.message.ids import new_id
from mailhost.message.status import LOCAL_ERROR, NO_STORAGE, Status
from mailhost.message.trace import received_field
from mailhost.net.answer import then
from mailhost.reception.desk import Desk
from mailhost.reception.refusal import refusal
from mailhost.reception.submission import author_refusal, missing_fields

GOOD_RECIPIENT = Status(250, "2.1.5", "Recipient OK")
NO_RELAY = Status(550, "5.7.1", "Not a domain of ours; log in to send elsewhere")
TOO_MANY_HOPS = Status(554, "5.4.6", "Mail loop: the message passed too many hosts")


@implementer(ITransaction)
class Transaction:
    """What a client sends between MAIL and the end of data."""

    def __init__(self, desk: Desk, client: Client, envelope: Envelope) -> None:
        self._desk = desk
        self._client = client
        self._envelope = envelope
        self._accepted: list[ForwardPath] = []
        self._writer: ContentWriter | None = None
        self._fault: OSError | None = None

    def recipient(self, path: ForwardPath) -> Answer[Status]:
        found = refusal(self._desk.directory, lambda view: self._judge_recipient(view, path))
        return then(found, lambda status: status or self._accept(path))

    def _judge_recipient(self, view: DirectoryView, path: ForwardPath) -> Status | None:
        found = self._desk.router.route(view, path.address)
        if isinstance(found, Status):
            return found
        domain = path.address.domain  # none: the bare postmaster, who is always ours
        foreign = bool(domain) and view.domain(domain) is None
        return NO_RELAY if foreign and not self._desk.rules.may_relay(self._client) else None

    def _accept(self, path: ForwardPath) -> Status:
        self._accepted.append(path)
        return GOOD_RECIPIENT

    def begin(self) -> Answer[Status | None]:
        self._writer = ContentWriter(self._desk.folder, self._desk.rules.memory)
        return None

    def write(self, chunk: bytes) -> Answer[None]:
        if self._writer is None or not self._writer.add(chunk):
            return None
        return self._spill(self._writer)

    async def _spill(self, writer: ContentWriter) -> None:
        try:
            await self._desk.in_thread(writer.spill)
        except OSError as fault:
            self._fault, self._writer = fault, None

    def end(self) -> Answer[Sequence[Status]]:
        if self._fault is not None:
            return [_of_disk(self._fault)]
        writer, self._writer = self._writer, None
        assert writer is not None
        if writer.on_disk:
            return self._end_on_disk(writer)
        content = writer.finish()
        return self._judge(content, content.header())

    async def _end_on_disk(self, writer: ContentWriter) -> Sequence[Status]:
        def finish() -> tuple[Content, bytes]:
            content = writer.finish()
            return content, content.header()

        try:
            content, header = await self._desk.in_thread(finish)
        except OSError as fault:
            return [_of_disk(fault)]
        answer = self._judge(content, header)
        return await answer if isinstance(answer, Awaitable) else answer

    def _judge(self, content: Content, header: bytes) -> Answer[Sequence[Status]]:
        if count_received(header) > self._desk.rules.hops:
            return [TOO_MANY_HOPS]
        found = refusal(self._desk.directory, lambda view: self._judge_authors(view, header))
        return then(found, lambda status: [status] if status else self._hand_over(content, header))

    def abandon(self) -> None:
        self._writer = None

    def _judge_authors(self, view: DirectoryView, header: bytes) -> Status | None:
        """Who logged in may write as nobody else; what others write is theirs to answer for."""
        account, router = self._client.account, self._desk.router
        if account is None:
            return None
        return author_refusal(header, lambda author: router.reaches(view, author, account))

    async def _hand_over(self, content: Content, header: bytes) -> Sequence[Status]:
        desk, client = self._desk, self._client
        identity, now = new_id(), desk.now()
        envelope = self._envelope.to(self._accepted)
        top = received_field(client, envelope, desk.rules.hostname, identity, now)
        if client.account is not None:
            author = envelope.reverse_path or client.account
            top += missing_fields(header, author, desk.rules.hostname, identity, now)
        content = content.after(top)
        self._tell_received(identity, envelope, content, header + top)
        if client.protocol == "lmtp":
            return await desk.handover.take(envelope, content, identity)
        return [await desk.handover.take_or_queue(envelope, content, identity)]

    def _tell_received(
        self, identity: str, envelope: Envelope, content: Content, header: bytes
    ) -> None:
        self._desk.events.tell(
            Received(
                self._client,
                identity,
                envelope.reverse_path,
                tuple(path.address for path in envelope.recipients),
                content.size,
                next(iter(values(header, "Message-ID")), "")[:200],
            )
        )


def _of_disk(fault: OSError) -> Status:
    full = fault.errno in (errno.ENOSPC, errno.EDQUOT)
    return (NO_STORAGE if full else LOCAL_ERROR).because(str(fault))
