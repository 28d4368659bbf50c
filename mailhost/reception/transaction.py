"""The transaction of one message: checks recipients and header, adds fields, hands over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zope.interface import implementer

from mailhost.concurrency.answers import result_of, then
from mailhost.interfaces.accounts import Account, DirectoryView, KnownAccounts
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.events import Received
from mailhost.interfaces.outgoing import OutgoingMessage
from mailhost.interfaces.reception import ICollector, IFilterable
from mailhost.interfaces.store import OVER_QUOTA
from mailhost.message.address import Address
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
from mailhost.reception.collector import Collector, disk_refusal
from mailhost.reception.context import ListenerContext
from mailhost.reception.refusal import refusal
from mailhost.reception.submission import author_refusal
from mailhost.routing import MOST_DESTINATIONS, Destinations, Reach, Routes

RECIPIENT_OK = Status(250, "2.1.5", "Recipient OK")
NO_RELAY = Status(550, "5.7.1", "Not a domain of ours; log in to send elsewhere")
ADDED_FIELDS_SIZE = 512  # octets of the fields that are put in front of a message, roughly
TOO_MANY_MEMBERS = Status(
    452, "4.5.3", "The lists in this message have too many members; send the rest in another one"
)
TOO_MANY_HOPS = Status(554, "5.4.6", "Mail loop: the message passed too many hosts")


@implementer(IFilterable)
class ReceptionTransaction:
    """The transaction of a client from MAIL to the end of data."""

    opened: Status | None = None

    def __init__(self, context: ListenerContext, client: Client, envelope: Envelope) -> None:
        self._context = context
        self._client = client
        self._envelope = envelope
        self._accepted: list[ForwardPath] = []
        self._sole_account: Account | None = (
            None  # the only account that the current recipient leads to
        )
        self._quota_accounts: dict[
            Address, None
        ] = {}  # accounts with a quota that recipients lead to
        self._routes: Routes | None = None
        self._known = KnownAccounts(context.directory.view)
        self._completed: Content | None = None  # submitted, and lacks no field
        self.identity = new_id()

    def coming(self, paths: Sequence[ForwardPath]) -> None:
        """Do nothing: no other server is asked about the recipients."""

    def recipient(self, path: ForwardPath) -> Answer[Status]:
        context, routes = self._context, self._routes
        view = context.directory.view
        account = context.router.account_without_alias(view, path.address)
        if account is not None:  # the usual case
            if self._known.view is not view:
                self._known = KnownAccounts(view)
            self._known.accounts[path.address] = account
            self._sole_account = account
            return self._accept_if_fits(path)
        if (
            routes is not None
            and routes.weight > MOST_DESTINATIONS
            and not routes.knows(path.address)
        ):
            return TOO_MANY_MEMBERS  # the cost of lists is bounded for a whole message
        found = refusal(context.directory, lambda view: self._judge_recipient(view, path))
        return then(found, lambda status: status or self._accept_if_fits(path))

    def _judge_recipient(self, view: DirectoryView, path: ForwardPath) -> Answer[Status | None]:
        routes = self._routes
        if routes is None or routes.view is not view:
            routes = self._routes = Routes(self._context.router, view, self._context.pause)
        found = routes.route(path.address)
        return then(found, lambda found: self._judge_route(view, path, found))

    def _judge_route(
        self, view: DirectoryView, path: ForwardPath, found: Destinations | Status
    ) -> Status | None:
        if isinstance(found, Status):
            return found
        domain = path.address.domain  # empty for <postmaster>, an address of this host
        foreign = bool(domain) and view.domain(domain) is None
        refused = self._relay_refusal() if foreign else None
        if refused is not None:
            return refused
        self._sole_account = _only_account(found)
        return None

    def _relay_refusal(self) -> Status | None:
        context = self._context
        if not context.rules.may_relay(self._client):
            return NO_RELAY
        return context.stopped.refusal(self._client)

    def _accept_if_fits(self, path: ForwardPath) -> Answer[Status]:
        """Accept a recipient. Defer a recipient that leads to one mailbox only and that is full."""
        account = self._sole_account
        if account is None or account.quota is None:
            return self._accept(path)
        quota = account.quota

        def judge(fits: bool) -> Status:
            if not fits:
                return OVER_QUOTA.because(f"{account.address} has a quota of {quota} octets")
            self._quota_accounts[account.address] = None
            return self._accept(path)

        return then(self._fits(account.address), judge)

    def _fits(self, account: Address) -> Answer[bool]:
        """True where the size that MAIL announced, and the added fields, fit into the mailbox."""
        return self._context.store.room(account, self._envelope.size + ADDED_FIELDS_SIZE)

    def _accept(self, path: ForwardPath) -> Status:
        self._accepted.append(path)
        return RECIPIENT_OK

    def begin(self) -> Answer[ICollector | Status]:
        return Collector(self._context.folder, self._context.rules.memory, self._context.in_thread)

    def end(self, content: Content) -> Answer[Sequence[Status]]:
        return then(then(self.prepare(content), self._leave), self._hand_on)

    def _leave(self, found: Prepared | Status) -> Answer[Prepared | Status]:
        return found if isinstance(found, Status) else self.leave(found)

    def _hand_on(self, found: Prepared | Status) -> Answer[Sequence[Status]]:
        return [found] if isinstance(found, Status) else self.hand_on(found)

    def prepare(self, content: Content) -> Answer[Prepared | Status]:
        if content.in_memory:
            return self._judge(content, content.header())
        return self._prepare_on_disk(content)

    async def _prepare_on_disk(self, content: Content) -> Prepared | Status:
        try:
            header = await self._context.in_thread(content.header)
        except OSError as fault:
            return disk_refusal(fault)
        return await result_of(self._judge(content, header))

    def _judge(self, content: Content, header: bytes) -> Answer[Prepared | Status]:
        found = with_clear_header(content, header, self._envelope.body is Body.BINARY)
        if isinstance(found, Status):
            return found
        content, fields = without_forged(*found, self._context.rules.hostname)
        if count_received(fields) > self._context.rules.hops:
            return TOO_MANY_HOPS
        if self._client.account is None:
            return self._prepared(content, fields)
        refused = refusal(self._context.directory, lambda view: self._judge_authors(view, fields))
        return then(refused, lambda status: status or self._prepared(content, fields))

    def _judge_authors(self, view: DirectoryView, header: bytes) -> Status | None:
        """Refuse authors that do not lead to the account of the login (RFC 6409 §6.1)."""
        account = self._client.account
        if account is None:
            return None
        return author_refusal(header, Reach(self._context.router, view, account))

    def _prepared(self, content: Content, header: bytes) -> Prepared:
        """Add the fields that a submitted message lacks (RFC 6409 §8).

        That is done before filters are asked, so that they examine, sign and copy the message that
        leaves.
        """
        context, client, identity = self._context, self._client, self.identity
        envelope = self._envelope.to(self._accepted)
        message_id = first_value(header, "Message-ID")
        if client.account is not None:
            author = envelope.reverse_path or client.account
            added = context.outgoing.missing(header, author, identity)
            content = self._completed = content.after(added, header) if added else content
            message_id = message_id or first_value(added, "Message-ID")
        received = received_field(client, envelope, context.rules.hostname, identity, context.now())
        return Prepared(content, received, received, identity, message_id)

    def leave(self, message: Prepared) -> Answer[Prepared | Status]:
        if not self._context.rules.leaves_in_our_name(self._client):
            return message
        relayed = self._client.account is None  # it may be in the name of others
        envelope = self._envelope.to(self._accepted)
        author = envelope.reverse_path or self._client.account
        author = author or Address("postmaster", self._context.rules.hostname)
        content, identity = message.content, message.identity
        outgoing = OutgoingMessage(envelope, content, author, identity, self._completed, relayed)
        leaving = self._context.outgoing.leave(outgoing)
        return then(leaving, lambda found: _with_content(message, found))

    def abandon(self) -> None:
        """Do nothing: nothing was written."""

    async def hand_on(self, message: Prepared) -> Sequence[Status]:
        if len(self._accepted) > 1 and self._quota_accounts and self._client.protocol != "lmtp":
            full = await self._full_since_rcpt()
            if full is not None:
                return [full]
        context, identity, content = self._context, message.identity, message.handed_on()
        envelope = self._envelope.to(self._accepted)
        context.events.emit(
            Received(
                self._client,
                identity,
                envelope.reverse_path,
                tuple(path.address for path in envelope.recipients),
                content.size,
                message.message_id[:200],
                message.subject()[:200] if context.rules.subject else "",
            )
        )
        if self._client.protocol == "lmtp":
            return await context.handover.take(envelope, content, identity, self._known)
        return [await context.handover.take_or_queue(envelope, content, identity, self._known)]

    async def _full_since_rcpt(self) -> Status | None:
        """Return a deferral where a mailbox has filled up since RCPT TO.

        There is one reply for all recipients. After a 250 the copy for that mailbox would wait in
        the queue and cause a bounce, to a sender that may be forged. When the client tries again,
        the reply to RCPT TO says which mailbox is full.
        """
        for account in self._quota_accounts:
            if not await result_of(self._fits(account)):
                return OVER_QUOTA.because(f"{account} filled up while the message arrived")
        return None


def _with_content(message: Prepared, found: Content | Status) -> Prepared | Status:
    if isinstance(found, Status):
        return found
    if found is message.content:
        return message
    message_id = first_value(found.known or b"", "Message-ID")  # filters may have changed this
    return replace(message, content=found, message_id=message_id or message.message_id)


def _only_account(found: Destinations) -> Account | None:
    """Return the account that a recipient leads to, None where there are other destinations too."""
    if len(found.here) != 1 or found.elsewhere or found.unknown:
        return None
    (place,) = found.here.values()
    return place.account
