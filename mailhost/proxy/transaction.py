"""One message on its way through the proxy: it is kept here until it is whole, then handed on.

The client's answer is the server's. Nothing is kept after it, so nothing can be lost in between.
"""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import implementer

from mailhost.events import PassedOn, Received
from mailhost.interfaces import Answer, ICollector, ITransaction
from mailhost.message.client import Client
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.header import count_received, values
from mailhost.message.ids import new_id
from mailhost.message.status import Status
from mailhost.message.trace import received_field
from mailhost.proxy.house import House
from mailhost.proxy.upstream import Upstream
from mailhost.reception.collector import Collector, of_disk
from mailhost.reception.transaction import TOO_MANY_HOPS


@implementer(ITransaction)
class ProxiedTransaction:
    """`upstream` has said yes to MAIL, by `opened`."""

    def __init__(
        self,
        house: House,
        upstream: Upstream,
        client: Client,
        envelope: Envelope,
        opened: Status | None = None,
    ) -> None:
        self.identity = new_id()
        self.opened = opened
        self._house = house
        self._upstream = upstream
        self._client = client
        self._envelope = envelope
        self._accepted: list[ForwardPath] = []

    def coming(self, paths: Sequence[ForwardPath]) -> None:
        self._upstream.recipients_ahead(paths)

    async def recipient(self, path: ForwardPath) -> Status:
        status = await self._upstream.recipient(path)
        if status.ok:
            self._accepted.append(path)
        return status

    def begin(self) -> Answer[ICollector | Status]:
        return Collector(self._house.folder, self._house.memory, self._house.in_thread)

    async def end(self, content: Content) -> Sequence[Status]:
        try:
            in_memory = content.in_memory
            header = content.header() if in_memory else await self._house.in_thread(content.header)
        except OSError as fault:
            return [of_disk(fault)]
        if count_received(header) > self._house.hops:
            return [TOO_MANY_HOPS]
        envelope = self._envelope.to(self._accepted)
        self._tell(envelope, content, header)
        status = await self._upstream.content(envelope, self._traced(envelope, content))
        if status.ok:
            self._house.events.tell(PassedOn(self.identity, self._upstream.server, status))
        return [status]

    def _traced(self, envelope: Envelope, content: Content) -> Content:
        house = self._house
        if not house.trace:
            return content
        top = received_field(self._client, envelope, house.hostname, self.identity, house.now())
        return content.after(top)

    def _tell(self, envelope: Envelope, content: Content, header: bytes) -> None:
        self._house.events.tell(
            Received(
                self._client,
                self.identity,
                envelope.reverse_path,
                tuple(path.address for path in envelope.recipients),
                content.size,
                next(iter(values(header, "Message-ID")), "")[:200],
            )
        )

    def abandon(self) -> None:
        """The server is told RSET before the next MAIL, if there is one."""
