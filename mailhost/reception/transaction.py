"""One message on its way in: recipients checked, header looked at, handed over."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from zope.interface import implementer

from mailhost.events import Received
from mailhost.interfaces import Answer, ICollector, ITransaction
from mailhost.message.accounts import DirectoryView
from mailhost.message.client import Client
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.header import count_received, values
from mailhost.message.ids import new_id
from mailhost.message.status import Status
from mailhost.message.trace import received_field
from mailhost.net.answer import then
from mailhost.reception.collector import Collector, of_disk
from mailhost.reception.desk import Desk
from mailhost.reception.refusal import refusal
from mailhost.reception.submission import author_refusal, missing_fields
from mailhost.routing import MOST, Destinations, Reach, Routes

GOOD_RECIPIENT = Status(250, "2.1.5", "Recipient OK")
NO_RELAY = Status(550, "5.7.1", "Not a domain of ours; log in to send elsewhere")
TOO_MANY_AT_ONCE = Status(
    452, "4.5.3", "The lists in this message have too many members; send the rest in another one"
)
TOO_MANY_HOPS = Status(554, "5.4.6", "Mail loop: the message passed too many hosts")


@implementer(ITransaction)
class Transaction:
    """What a client sends between MAIL and the end of data."""

    opened: Status | None = None

    def __init__(self, desk: Desk, client: Client, envelope: Envelope) -> None:
        self._desk = desk
        self._client = client
        self._envelope = envelope
        self._accepted: list[ForwardPath] = []
        self._routes: Routes | None = None
        self.identity = new_id()

    def coming(self, paths: Sequence[ForwardPath]) -> None:
        """Nobody elsewhere is asked."""

    def recipient(self, path: ForwardPath) -> Answer[Status]:
        desk, routes = self._desk, self._routes
        if desk.router.plainly(desk.directory.view, path.address) is not None:
            return self._accept(path)  # the usual case
        if routes is not None and routes.weight > MOST and not routes.knows(path.address):
            return TOO_MANY_AT_ONCE  # the cost of lists is bounded for a whole message
        found = refusal(desk.directory, lambda view: self._judge_recipient(view, path))
        return then(found, lambda status: status or self._accept(path))

    def _judge_recipient(self, view: DirectoryView, path: ForwardPath) -> Answer[Status | None]:
        routes = self._routes
        if routes is None or routes.view is not view:
            routes = self._routes = Routes(self._desk.router, view, self._desk.pause)
        found = routes.route(path.address)
        return then(found, lambda found: self._judge_route(view, path, found))

    def _judge_route(
        self, view: DirectoryView, path: ForwardPath, found: Destinations | Status
    ) -> Status | None:
        if isinstance(found, Status):
            return found
        domain = path.address.domain  # none: the bare postmaster, who is always ours
        foreign = bool(domain) and view.domain(domain) is None
        return NO_RELAY if foreign and not self._desk.rules.may_relay(self._client) else None

    def _accept(self, path: ForwardPath) -> Status:
        self._accepted.append(path)
        return GOOD_RECIPIENT

    def begin(self) -> Answer[ICollector | Status]:
        return Collector(self._desk.folder, self._desk.rules.memory, self._desk.in_thread)

    def end(self, content: Content) -> Answer[Sequence[Status]]:
        if content.in_memory:
            return self._judge(content, content.header())
        return self._end_on_disk(content)

    async def _end_on_disk(self, content: Content) -> Sequence[Status]:
        try:
            header = await self._desk.in_thread(content.header)
        except OSError as fault:
            return [of_disk(fault)]
        answer = self._judge(content, header)
        return await answer if isinstance(answer, Awaitable) else answer

    def _judge(self, content: Content, header: bytes) -> Answer[Sequence[Status]]:
        if count_received(header) > self._desk.rules.hops:
            return [TOO_MANY_HOPS]
        found = refusal(self._desk.directory, lambda view: self._judge_authors(view, header))
        return then(found, lambda status: [status] if status else self._hand_over(content, header))

    def abandon(self) -> None:
        """Nothing was kept."""

    def _judge_authors(self, view: DirectoryView, header: bytes) -> Status | None:
        """Who logged in may write as nobody else; what others write is theirs to answer for."""
        account = self._client.account
        if account is None:
            return None
        return author_refusal(header, Reach(self._desk.router, view, account))

    async def _hand_over(self, content: Content, header: bytes) -> Sequence[Status]:
        desk, client = self._desk, self._client
        identity, now = self.identity, desk.now()
        envelope = self._envelope.to(self._accepted)
        top = received_field(client, envelope, desk.rules.hostname, identity, now)
        if client.account is not None:
            author = envelope.reverse_path or client.account
            top += missing_fields(header, author, desk.rules.hostname, identity, now)
        content = content.after(top, header)
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
