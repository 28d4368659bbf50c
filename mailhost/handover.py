"""The one place where a 250 is earned: every destination of a message is safe, or it is refused.

Mail for other hosts goes into the queue first: only when that is safe are the mailboxes served,
so that a full disk refuses a message before anybody has it. A mailbox that cannot take it now
keeps its copy in the queue; one that never will gets a bounce sent, like any failure elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from zope.interface import implementer

from mailhost.events import Attempted
from mailhost.interfaces import IDirectory, IEventSink, IHandover, INotices, IQueue, ITransport
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath, Notify
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import LOCAL_ERROR, Status
from mailhost.routing import NO_SUCH_USER, Destinations, Router

TAKEN = Status(250, "2.0.0", "Taken")
EXPANDED = Status(250, "2.1.5", "The address stands for several; sent on to all of them")


@dataclass(slots=True)
class _Plan:
    """Where each recipient leads, merged: one copy for a destination, whoever leads there."""

    here: dict[Address, ForwardPath] = field(default_factory=dict)
    elsewhere: dict[Address, ForwardPath] = field(default_factory=dict)
    failed: list[Outcome] = field(default_factory=list)
    expanded: list[Outcome] = field(default_factory=list)
    of_recipient: list[list[Address]] = field(default_factory=list)


@implementer(IHandover)
class Handover:
    """Takes messages. `router` may be replaced at any time."""

    def __init__(
        self,
        directory: IDirectory,
        router: Router,
        delivery: ITransport,
        queue: IQueue,
        notices: INotices,
        events: IEventSink,
    ) -> None:
        self._directory = directory
        self._delivery = delivery
        self._queue = queue
        self._notices = notices
        self._events = events
        self.router = router

    async def take(self, envelope: Envelope, content: Content, identity: str) -> Sequence[Status]:
        plan = self._plan(envelope)
        queued = await self._queue_foreign(plan, envelope, content, identity)
        if not queued.ok:
            return [queued] * len(envelope.recipients)
        outcomes = await self._deliver(plan, envelope, content, identity)
        # a recipient with one mailbox can be told its fate; several share what follows
        alone = [places[0] for places in plan.of_recipient if len(places) == 1]
        shared = [
            outcome
            for outcome in (*outcomes.values(), *plan.failed)
            if outcome.fate is not Fate.DELIVERED
            and outcome.recipient.address not in alone
            and outcome.recipient not in envelope.recipients
        ]
        kept = await self._keep(shared, envelope, content, identity)
        await self._tell(plan, list(outcomes.values()), envelope, content, identity, shared)
        return [
            self._answer(places, path, plan, outcomes, kept)
            for path, places in zip(envelope.recipients, plan.of_recipient, strict=True)
        ]

    async def take_or_queue(self, envelope: Envelope, content: Content, identity: str) -> Status:
        plan = self._plan(envelope)
        queued = await self._queue_foreign(plan, envelope, content, identity)
        if not queued.ok:
            return queued
        outcomes = list((await self._deliver(plan, envelope, content, identity)).values())
        refused = [o for o in outcomes if o.fate is not Fate.DELIVERED] + plan.failed
        if not plan.elsewhere and len(refused) == len(outcomes) + len(plan.failed):
            return _worth_trying(refused)  # nobody has it: the client keeps it
        kept = await self._keep(refused, envelope, content, identity)
        await self._tell(plan, outcomes, envelope, content, identity, refused)
        return kept if not kept.ok else replace(TAKEN, words=f"Taken as {identity}")

    # --- planning --------------------------------------------------------------------------------

    def _plan(self, envelope: Envelope) -> _Plan:
        plan = _Plan()
        view = self._directory.view
        for path in envelope.recipients:
            found = self.router.route(view, path.address)
            if isinstance(found, Status):
                plan.failed.append(Outcome(path, Fate.FAILED, found))
                plan.of_recipient.append([])
                continue
            inherited = self._inherited(path, found, plan)
            for account, address in found.here.items():
                plan.here.setdefault(account, replace(inherited, address=address))
            for address in found.elsewhere:
                plan.elsewhere.setdefault(address, replace(inherited, address=address))
            for address in found.unknown:
                lost = replace(inherited, address=address)
                plan.failed.append(Outcome(lost, Fate.FAILED, NO_SUCH_USER))
            places = [plan.here[account].address for account in found.here]
            plan.of_recipient.append([*places, *found.elsewhere])
        return plan

    def _inherited(self, path: ForwardPath, found: Destinations, plan: _Plan) -> ForwardPath:
        """What the destinations inherit: of a list, success is told once (RFC 3461 §5.2.7)."""
        if not found.expanded or not path.wants(Notify.SUCCESS) or path.notify is None:
            return path
        plan.expanded.append(Outcome(path, Fate.EXPANDED, EXPANDED))
        return replace(path, notify=path.notify & ~Notify.SUCCESS)

    # --- carrying out ----------------------------------------------------------------------------

    async def _queue_foreign(
        self, plan: _Plan, envelope: Envelope, content: Content, identity: str
    ) -> Status:
        if not plan.elsewhere:
            return TAKEN
        waiting = envelope.to(list(plan.elsewhere.values()))
        return await self._queue.accept(waiting, content, identity)

    async def _deliver(
        self, plan: _Plan, envelope: Envelope, content: Content, identity: str
    ) -> dict[Address, Outcome]:
        if not plan.here:
            return {}
        paths = list(plan.here.values())
        outcomes = await self._delivery.deliver(envelope, content, paths, identity)
        return {outcome.recipient.address: outcome for outcome in outcomes}

    async def _keep(
        self, refused: Sequence[Outcome], envelope: Envelope, content: Content, identity: str
    ) -> Status:
        """Queue what cannot be delivered here for now."""
        deferred = [outcome for outcome in refused if outcome.fate is Fate.DEFERRED]
        if not deferred:
            return TAKEN
        waiting = envelope.to([outcome.recipient for outcome in deferred])
        return await self._queue.accept(waiting, content, identity, deferred)

    async def _tell(
        self,
        plan: _Plan,
        outcomes: Sequence[Outcome],
        envelope: Envelope,
        content: Content,
        identity: str,
        refused: Sequence[Outcome],
    ) -> None:
        """Report to the sender what it asked to hear, and what failed after it was answered."""
        for outcome in plan.failed:
            self._events.tell(Attempted(identity, outcome))
        delivered = [o for o in outcomes if o.fate is Fate.DELIVERED]
        failed = [o for o in refused if o.fate is Fate.FAILED]
        report = [*delivered, *failed, *plan.expanded]
        await self._notices.report(envelope, content, identity, report)

    def _answer(
        self,
        places: Sequence[Address],
        path: ForwardPath,
        plan: _Plan,
        outcomes: dict[Address, Outcome],
        kept: Status,
    ) -> Status:
        if not places:
            return next((o.status for o in plan.failed if o.recipient == path), NO_SUCH_USER)
        if len(places) == 1 and places[0] in outcomes:
            return outcomes[places[0]].status
        return kept


def _worth_trying(refused: Sequence[Outcome]) -> Status:
    """The answer when nobody got it: temporary where that is true for anybody."""
    statuses = [outcome.status for outcome in refused]
    return next((s for s in statuses if s.temporary), statuses[0] if statuses else LOCAL_ERROR)
