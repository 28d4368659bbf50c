"""One message that passes the proxy: it is collected until it is complete, then sent on.

The reply to the client is the server's reply. The proxy does not keep the message after that reply,
so a crash of the proxy loses no message.
"""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import implementer

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.events import PassedOn, Received
from mailhost.interfaces.reception import ICollector, IFilterable
from mailhost.message.authentication_results import without_forged
from mailhost.message.beginning import with_clear_header
from mailhost.message.client import Client
from mailhost.message.content import Content
from mailhost.message.envelope import Body, Envelope, ForwardPath
from mailhost.message.header import count_received, first_value
from mailhost.message.ids import new_id
from mailhost.message.prepared import Prepared
from mailhost.message.status import Status
from mailhost.message.trace import received_field
from mailhost.proxy.context import ProxyContext
from mailhost.proxy.upstream import Upstream
from mailhost.reception.collector import Collector, disk_refusal
from mailhost.reception.transaction import TOO_MANY_HOPS


@implementer(IFilterable)
class ProxiedTransaction:
    """A transaction for which `upstream` has accepted MAIL. `opened` is the server's reply to
    MAIL."""

    def __init__(
        self,
        context: ProxyContext,
        upstream: Upstream,
        client: Client,
        envelope: Envelope,
        opened: Status | None = None,
    ) -> None:
        self.identity = new_id()
        self.opened = opened
        self._context = context
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
        return Collector(self._context.folder, self._context.memory, self._context.in_thread)

    async def end(self, content: Content) -> Sequence[Status]:
        prepared = await self.prepare(content)
        return [prepared] if isinstance(prepared, Status) else await self.hand_on(prepared)

    async def prepare(self, content: Content) -> Prepared | Status:
        try:
            in_memory = content.in_memory
            header = (
                content.header() if in_memory else await self._context.in_thread(content.header)
            )
        except OSError as fault:
            return disk_refusal(fault)
        beginning = with_clear_header(content, header, self._envelope.body is Body.BINARY)
        if isinstance(beginning, Status):
            return beginning
        content, header = without_forged(*beginning, self._context.hostname)
        if count_received(header) > self._context.hops:
            return TOO_MANY_HOPS
        context, envelope = self._context, self._envelope.to(self._accepted)
        received = received_field(
            self._client, envelope, context.hostname, self.identity, context.now()
        )
        message_id = first_value(header, "Message-ID")
        top = received if context.trace else b""
        return Prepared(content, received, top, self.identity, message_id)

    def leave(self, message: Prepared) -> Prepared:
        """Return the message unchanged: the server behind the proxy is responsible for it."""
        return message

    async def hand_on(self, message: Prepared) -> Sequence[Status]:
        envelope = self._envelope.to(self._accepted)
        self._log_received(envelope, message)
        status = await self._upstream.content(envelope, message.handed_on())
        if status.ok:
            self._context.events.emit(PassedOn(message.identity, self._upstream.server, status))
        return [status]

    def _log_received(self, envelope: Envelope, message: Prepared) -> None:
        self._context.events.emit(
            Received(
                self._client,
                message.identity,
                envelope.reverse_path,
                tuple(path.address for path in envelope.recipients),
                message.content.size,
                message.message_id[:200],
                message.subject()[:200] if self._context.subject else "",
            )
        )

    def abandon(self) -> None:
        """Do nothing: the server gets RSET before the next MAIL, if there is one."""
