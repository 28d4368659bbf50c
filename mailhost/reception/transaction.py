"""One message on its way in: recipients checked, content collected, header looked at, handed over.

Who is unknown is asked for twice: before a refusal the directory is refreshed, so that an account
made a moment ago is found, and a directory that cannot be read refuses nobody for good.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import TYPE_CHECKING

from zope.interface import implementer

from mailhost.events import Received
from mailhost.interfaces import Answer, DirectoryUnavailable, ITransaction
from mailhost.message.accounts import DirectoryView
from mailhost.message.client import Client
from mailhost.message.content import Content, ContentWriter
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.header import count_received, values
from mailhost.message.ids import new_id
from mailhost.message.status import LOCAL_ERROR, NO_STORAGE, Status
from mailhost.message.trace import received_field
from mailhost.reception.submission import author_refusal, missing_fields

if TYPE_CHECKING:
    from mailhost.reception.reception import Reception

GOOD_RECIPIENT = Status(250, "2.1.5", "Recipient OK")
NO_RELAY = Status(550, "5.7.1", "Not a domain of ours; log in to send elsewhere")
NO_DIRECTORY = Status(451, "4.3.0", "Cannot look the recipient up now; please try again later")
TOO_MANY_HOPS = Status(554, "5.4.6", "Mail loop: the message passed too many hosts")


@implementer(ITransaction)
class Transaction:
    """What a client sends between MAIL and the end of data."""

    def __init__(self, home: Reception, client: Client, envelope: Envelope) -> None:
        self._home = home
        self._client = client
        self._envelope = envelope
        self._accepted: list[ForwardPath] = []
        self._writer: ContentWriter | None = None
        self._fault: OSError | None = None

    def recipient(self, path: ForwardPath) -> Answer[Status]:
        status = self._judge(self._home.directory.view, path)
        return self._accept(path, status) if status.ok else self._look_again(path)

    async def _look_again(self, path: ForwardPath) -> Status:
        try:
            view = await self._home.directory.refresh()
        except DirectoryUnavailable as error:
            return NO_DIRECTORY.because(str(error))
        return self._accept(path, self._judge(view, path))

    def _judge(self, view: DirectoryView, path: ForwardPath) -> Status:
        found = self._home.router.route(view, path.address)
        if isinstance(found, Status):
            return found
        if (
            path.address.domain
            and view.domain(path.address.domain) is None
            and not self._home.rules.may_relay(self._client)
        ):
            return NO_RELAY
        return GOOD_RECIPIENT

    def _accept(self, path: ForwardPath, status: Status) -> Status:
        if status.ok:
            self._accepted.append(path)
        return status

    def begin(self) -> Answer[Status | None]:
        self._writer = ContentWriter(self._home.folder, self._home.rules.memory)
        return None

    def write(self, chunk: bytes) -> Answer[None]:
        if self._fault is None and self._writer is not None:
            try:
                self._writer.write(chunk)
            except OSError as fault:
                self._fault, self._writer = fault, None
        return None

    def end(self) -> Answer[Sequence[Status]]:
        if self._fault is not None:
            full = self._fault.errno in (errno.ENOSPC, errno.EDQUOT)
            return [(NO_STORAGE if full else LOCAL_ERROR).because(str(self._fault))]
        assert self._writer is not None
        content = self._writer.finish()
        header = content.header()
        refusal = self._look(header)
        return [refusal] if refusal else self._hand_over(content, header)

    def abandon(self) -> None:
        self._writer = None

    def _look(self, header: bytes) -> Status | None:
        home, account = self._home, self._client.account
        if count_received(header) > home.rules.hops:
            return TOO_MANY_HOPS
        if account is None:
            return None
        view = home.directory.view
        return author_refusal(header, lambda author: home.router.reaches(view, author, account))

    async def _hand_over(self, content: Content, header: bytes) -> Sequence[Status]:
        home, client = self._home, self._client
        identity, now = new_id(), home.now()
        envelope = self._envelope.to(self._accepted)
        top = received_field(client, envelope, home.rules.hostname, identity, now)
        if client.account is not None:
            author = envelope.reverse_path or client.account
            top += missing_fields(header, author, home.rules.hostname, identity, now)
        content = content.after(top)
        self._tell_received(identity, envelope, content, header + top)
        if client.protocol == "lmtp":
            return await home.handover.take(envelope, content, identity)
        return [await home.handover.take_or_queue(envelope, content, identity)]

    def _tell_received(
        self, identity: str, envelope: Envelope, content: Content, header: bytes
    ) -> None:
        self._home.events.tell(
            Received(
                self._client,
                identity,
                envelope.reverse_path,
                tuple(path.address for path in envelope.recipients),
                content.size,
                next(iter(values(header, "Message-ID")), "")[:200],
            )
        )
