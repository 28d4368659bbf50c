"""The transport of waiting mail: mail for domains of this host goes to local delivery, the rest to
the relay.

Recipients are grouped here, once for an attempt: a lane has the recipients whose mail goes to
mailboxes of this host, or to one next hop. Recipients with different aliases on their way are in
different lanes, since each gets a copy that names its own aliases alone (RFC 9228).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias, cast

from zope.interface import implementer

from mailhost.concurrency.pauses import Pause, no_pause
from mailhost.interfaces.accounts import DirectoryView
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.delivery import ILocalDelivery, LocalRecipient
from mailhost.interfaces.directory import DirectoryUnavailable, IDirectory
from mailhost.interfaces.events import Attempted, IEventSink
from mailhost.interfaces.queue import Carried, IRelay, ITransport, Lane, Lanes
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.outcome import Fate, Outcome, outcome_of
from mailhost.message.status import Status
from mailhost.routing import NO_DIRECTORY, Router

PART = 200  # recipients of one lane at most, and recipients that are grouped without a pause
HERE: Final = None  # the next hop of mail for mailboxes of this host
NO_DOMAIN = NO_DIRECTORY.because(
    "the directory has no domain; restore it from a copy, or run `mailhost domain add`"
)

_Key: TypeAlias = tuple[Hashable, tuple[Address, ...]]
_Basis: TypeAlias = tuple[DirectoryView, object]  # view and the relay's settings


@dataclass(slots=True)
class _Grouping:
    """The recipients of one attempt by next hop and aliases."""

    view: DirectoryView
    relay: IRelay
    sender: str
    attempts: int
    next_hops: dict[str, Hashable] = field(default_factory=dict)
    groups: dict[_Key, list[ForwardPath]] = field(default_factory=dict)

    def add(self, paths: Iterable[ForwardPath]) -> None:
        """Group some more recipients."""
        for path in paths:
            domain = path.address.domain
            if domain not in self.next_hops:
                self.next_hops[domain] = self._next_hop(domain)
            next_hop = self.next_hops[domain]
            through = () if next_hop is HERE else path.through
            self.groups.setdefault((next_hop, through), []).append(path)

    def _next_hop(self, domain: str) -> Hashable:
        if self.view.domain(domain) is not None:
            return HERE
        return self.relay.next_hop(self.sender, domain, self.attempts)

    def lanes(self, basis: _Basis) -> Lanes:
        """Return all that were added."""
        lanes = [
            Lane(next_hop, paths[at : at + PART])
            for (next_hop, _), paths in self.groups.items()
            for at in range(0, len(paths), PART)
        ]
        lines = {"here" if hop is HERE else domain for domain, hop in self.next_hops.items()}
        return Lanes(lanes, ",".join(sorted(lines)), basis)


@implementer(ITransport)
class Dispatch:
    """Decides at each attempt, so that mail for a domain that was added or removed meanwhile goes
    where it belongs.

    With `needs_domains` all mail waits while the directory has no domain: otherwise mail for our
    own domains would be sent to other hosts.
    """

    def __init__(
        self,
        directory: IDirectory,
        router: Router,
        delivery: ILocalDelivery,
        relay: IRelay,
        events: IEventSink,
        pause: Pause = no_pause,
        needs_domains: bool = False,
    ) -> None:
        self._directory = directory
        self._delivery = delivery
        self._relay = relay
        self._events = events
        self._pause = pause
        self._router = router
        self._needs_domains = needs_domains

    def lanes(
        self, envelope: Envelope, recipients: Sequence[ForwardPath], attempts: int
    ) -> Answer[Lanes]:
        basis = (self._directory.view, self._relay.settings)
        sender = envelope.reverse_path.domain if envelope.reverse_path else ""
        grouping = _Grouping(basis[0], self._relay, sender, attempts)
        if len(recipients) > PART:
            return self._lanes_in_parts(grouping, recipients, basis)
        grouping.add(recipients)
        return grouping.lanes(basis)

    async def _lanes_in_parts(
        self, grouping: _Grouping, recipients: Sequence[ForwardPath], basis: _Basis
    ) -> Lanes:
        for at in range(0, len(recipients), PART):
            grouping.add(recipients[at : at + PART])
            await self._pause()
        return grouping.lanes(basis)

    def stands(self, lanes: Lanes) -> bool:
        view, settings = cast("_Basis", lanes.basis)
        return view is self._directory.view and settings is self._relay.settings

    def forget_failures(self, lanes: Lanes) -> None:
        for lane in lanes.lanes:
            if lane.next_hop is not HERE:
                self._relay.forget_failure(lane.next_hop)

    async def carry(
        self, lane: Lane, envelope: Envelope, content: Content, identity: str
    ) -> Carried:
        if self._needs_domains and not self._directory.view.domains:
            return Carried(
                [outcome_of(path, NO_DOMAIN, Fate.DELIVERED) for path in lane.recipients]
            )
        if lane.next_hop is not HERE:
            return await self._relay.carry(lane, envelope, content, identity)
        recipients, refused = await self._find_accounts(lane.recipients)
        for outcome in refused:
            self._events.emit(Attempted(identity, outcome))
        if not recipients:
            return Carried(refused)
        delivered = await self._delivery.deliver(envelope, content, recipients, identity)
        return Carried([*refused, *delivered])

    async def _find_accounts(
        self, paths: Sequence[ForwardPath]
    ) -> tuple[list[LocalRecipient], list[Outcome]]:
        """Return the recipients that have an account, and the refusals of the others. No address is
        unknown before the directory was refreshed."""
        view, unavailable = self._directory.view, None
        if not all(self._router.account_of(view, path.address) for path in paths):
            try:
                view = await self._directory.refresh()
            except DirectoryUnavailable as error:
                unavailable = NO_DIRECTORY.because(str(error))
        recipients: list[LocalRecipient] = []
        refused: list[Outcome] = []
        for path in paths:
            account = self._router.account_of(view, path.address)
            if account is not None:
                recipients.append(LocalRecipient(path, account))
            else:
                status: Status = unavailable or self._router.unknown_recipient(path.address)
                refused.append(outcome_of(path, status, Fate.DELIVERED))
        return recipients, refused
