"""Decides whether a message is answered 250: every destination is safe, or the message is refused.

Mail for other hosts is written to the queue first. The mailboxes are written only when that is
safe, so that a full disk refuses a message before any mailbox has it.

As long as no destination is safe, the client is refused and keeps the message. Once one destination
is safe, this host is responsible for the others: a destination that cannot be reached now waits in
the queue, and one that never can be reached is bounced. So no recipient gets a message twice
because another recipient could not get it.

There is one exception: the disk fills up in between, so that the remaining destinations can be
neither written nor queued. Then the client is asked to send the message again; some recipients get
it twice, and none loses it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import or_
from typing import TypeAlias

from twisted.logger import Logger
from zope.interface import implementer

from mailhost.alias_loops import AliasLoops
from mailhost.concurrency.pauses import Pause, no_pause
from mailhost.interfaces.accounts import Account, DirectoryView, KnownAccounts
from mailhost.interfaces.delivery import ILocalDelivery, LocalRecipient
from mailhost.interfaces.directory import DirectoryUnavailable, IDirectory
from mailhost.interfaces.events import Attempted, Faulted, IEventSink
from mailhost.interfaces.queue import IQueue, IReports
from mailhost.interfaces.reception import IHandover, IQuarantine
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath, Notify
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import LOCAL_ERROR, Status
from mailhost.message.trace import delivered_before
from mailhost.own_messages import hand_over
from mailhost.routing import (
    CAME_BACK,
    NAMES_IN_A_ROW,
    NO_DIRECTORY,
    NO_POSTMASTER,
    NO_SUCH_USER,
    Destinations,
    Router,
    Routes,
)

ANOTHER_COPY = "dropped: its sender gets the bounce of the copy that came back first"
EXPANDED = Status(250, "2.1.5", "The address stands for several; sent on to all of them")
EVENTS_IN_A_ROW = 200  # events that are emitted without a pause
_FOUND = (Destinations, Status)


@dataclass(frozen=True, slots=True)
class _Mail:
    """A message that is handed over, and the accounts that were found for its recipients."""

    envelope: Envelope
    content: Content
    identity: str
    known: KnownAccounts | None = None


class _Passed:
    """The addresses that a message came through before, read from its header at the first use.

    Raises OSError if the message cannot be read.
    """

    def __init__(self, content: Content) -> None:
        self._content = content
        self._found: frozenset[str] | None = None

    def __contains__(self, address: object) -> bool:
        if self._found is None:
            self._found = delivered_before(self._content.header())
        return address in self._found


@dataclass(slots=True, eq=False)
class _Destination:
    """A mailbox, an address of another host, or an unknown name, with its outcome.

    `account` is that of a mailbox, `through` the aliases that led to it. `safe`: the message is in
    the mailbox or in the queue, or a report about its failure was sent to the sender.
    """

    path: ForwardPath
    account: Account | None = None
    outcome: Outcome | None = None
    safe: bool = False
    through: tuple[Address, ...] = ()

    def settle(self, outcome: Outcome) -> None:
        """Record the outcome of an attempt."""
        self.outcome = outcome
        self.safe = outcome.fate not in (Fate.DEFERRED, Fate.FAILED)

    def defer(self, status: Status) -> None:
        """Record that it could not be tried or queued."""
        self.settle(Outcome(self.path, Fate.DEFERRED, status))

    @property
    def failed(self) -> bool:
        """True if another attempt does not help."""
        return self.outcome is not None and self.outcome.fate is Fate.FAILED


_Places: TypeAlias = dict[Address, _Destination]


@dataclass(slots=True, eq=False)
class _Group:
    """Recipients that share one answer: their destinations, and the outcomes of expanded
    aliases."""

    destinations: list[_Destination] = field(default_factory=list)
    expanded: list[Outcome] = field(default_factory=list)

    @property
    def begun(self) -> bool:
        """True if one destination is safe: then this host is responsible for all of them."""
        return any(destination.safe for destination in self.destinations)

    @property
    def refusal(self) -> Status | None:
        """The refusal, preferably a temporary one; None if all destinations are safe."""
        if self.destinations and all(each.safe for each in self.destinations):
            return None
        statuses = [each.outcome.status for each in self.destinations if each.outcome]
        refusals = [status for status in statuses if not status.ok] or [LOCAL_ERROR]
        return next((status for status in refusals if status.temporary), refusals[0])


@dataclass(slots=True)
class _Plan:
    """The destinations of all recipients: one copy for each destination, however many recipients
    lead to it.

    Mailboxes are found by their accounts. Recipients that lead to the same alias with several
    targets, and to nothing else, share a group. `lists` has these groups by the identity of their
    Destinations.
    """

    here: _Places = field(default_factory=dict)
    elsewhere: _Places = field(default_factory=dict)
    nowhere: _Places = field(default_factory=dict)
    groups: list[_Group] = field(default_factory=list)
    lists: dict[tuple[int, Notify | None], _Group] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """True if all destinations are safe and no report is needed."""
        if self.nowhere or any(group.expanded for group in self.groups):
            return False
        for each in (*self.here.values(), *self.elsewhere.values()):
            if not each.safe or each.path.wants(Notify.SUCCESS):
                return False
        return True


@implementer(IHandover, IQuarantine)
class Handover:
    """Takes messages. `pause` is awaited between the parts of long work, so that other connections
    are served."""

    _log = Logger()

    def __init__(
        self,
        directory: IDirectory,
        router: Router,
        delivery: ILocalDelivery,
        queue: IQueue,
        reports: IReports,
        events: IEventSink,
        loops: AliasLoops,
        pause: Pause = no_pause,
    ) -> None:
        self._directory = directory
        self._delivery = delivery
        self._queue = queue
        self._reports = reports
        self._events = events
        self._loops = loops
        self._pause = pause
        self._router = router

    async def take(
        self,
        envelope: Envelope,
        content: Content,
        identity: str,
        known: KnownAccounts | None = None,
    ) -> Sequence[Status]:
        alone = [[path] for path in envelope.recipients]
        return await self._take(_Mail(envelope, content, identity, known), alone)

    async def take_or_queue(
        self,
        envelope: Envelope,
        content: Content,
        identity: str,
        known: KnownAccounts | None = None,
    ) -> Status:
        together = [envelope.recipients]
        return (await self._take(_Mail(envelope, content, identity, known), together))[0]

    async def hold(
        self, envelope: Envelope, content: Content, identity: str, reason: str
    ) -> Status:
        mail = _Mail(envelope, content, identity)
        try:
            plan = await self._plan(mail, [envelope.recipients])
            if not (plan.here or plan.elsewhere):  # released, it could only be bounced
                return plan.groups[0].refusal or LOCAL_ERROR
            places = (*plan.here.values(), *plan.elsewhere.values(), *plan.nowhere.values())
            waiting = envelope.to([each.path for each in places])
            return await self._queue.accept(waiting, content, identity, held=reason)
        except DirectoryUnavailable as error:
            return NO_DIRECTORY.because(str(error))
        except OSError as error:
            return LOCAL_ERROR.because(f"the message cannot be read: {error}")
        except Exception as bug:  # noqa: BLE001 - logged; the client sends again
            return self._bug(mail, bug)

    async def _take(
        self, mail: _Mail, recipients: Sequence[Sequence[ForwardPath]]
    ) -> Sequence[Status]:
        """Return an answer for each group of recipients."""
        try:
            return await self._carry(mail, recipients)
        except Exception as bug:  # noqa: BLE001 - logged; clients that are refused send again
            return [self._bug(mail, bug)] * len(recipients)

    async def _carry(
        self, mail: _Mail, recipients: Sequence[Sequence[ForwardPath]]
    ) -> Sequence[Status]:
        try:
            plan = await self._plan(mail, recipients)
        except DirectoryUnavailable as error:
            return [NO_DIRECTORY.because(str(error))] * len(recipients)
        except OSError as error:
            status = LOCAL_ERROR.because(f"the message cannot be read: {error}")
            return [status] * len(recipients)
        if plan.nowhere:
            await self._drop_further_copies(mail, plan.nowhere.values())
        if plan.elsewhere:
            full = await self._keep(mail, plan.elsewhere.values())
            if full is not None:
                return [full] * len(recipients)
        if plan.here:
            await self._deliver(mail, plan.here.values())
        if not plan.done:
            await self._queue_or_bounce_rest(mail, plan)
        taken = Status(250, "2.0.0", f"Taken as {mail.identity}")
        answers = {group: group.refusal or taken for group in dict.fromkeys(plan.groups)}
        return [answers[group] for group in plan.groups]

    # --- planning --------------------------------------------------------------------------------

    async def _plan(self, mail: _Mail, recipients: Sequence[Sequence[ForwardPath]]) -> _Plan:
        """Find the destinations of all recipients. Refresh the directory before any is treated as
        unknown."""
        passed = _Passed(mail.content)
        plan = await self._drawn(self._directory.view, mail, recipients, passed)
        if not plan.nowhere:
            return plan
        return await self._drawn(await self._directory.refresh(), mail, recipients, passed)

    async def _drawn(
        self,
        view: DirectoryView,
        mail: _Mail,
        recipients: Sequence[Sequence[ForwardPath]],
        passed: _Passed,
    ) -> _Plan:
        plan = _Plan()
        routes = Routes(self._router, view, self._pause, passed)
        known = mail.known.accounts if mail.known and mail.known.view is view else {}
        for paths in recipients:
            groups = []
            for number, path in enumerate(dict.fromkeys(paths), start=1):
                if number % NAMES_IN_A_ROW == 0:
                    await self._pause()
                account = known.get(path.address) or self._router.account_without_alias(
                    view, path.address
                )
                if account is not None:  # the usual case
                    groups.append(_Group([_place(plan.here, account.address, path, account)]))
                else:
                    groups.append(await self._placed(plan, routes, path))
            plan.groups.append(groups[0] if len(groups) == 1 else _merged(groups))
        return plan

    async def _placed(self, plan: _Plan, routes: Routes, path: ForwardPath) -> _Group:
        """Add the destinations of one recipient to the plan. The members of a list are added once,
        since a thousand recipients may lead to the same list with a thousand members."""
        found = routes.route(path.address)
        if not isinstance(found, _FOUND):
            found = await found
        if isinstance(found, Status):
            return _Group([_nowhere(plan, path, found)])
        if not found.expanded:
            return _Group([*_destinations(plan, path, found)])
        key = (id(found), path.notify)  # `routes` keeps the Destinations of lists
        group = plan.lists.get(key)
        if group is None:
            group = plan.lists[key] = _Group()
            for destination in _destinations(plan, _of_list(path), found):
                group.destinations.append(destination)
                if len(group.destinations) % NAMES_IN_A_ROW == 0:
                    await self._pause()
        if path.notify is not None and path.wants(Notify.SUCCESS):
            # success of a list is reported once, by this host (RFC 3461 §5.2.7.3)
            group.expanded.append(Outcome(path, Fate.EXPANDED, EXPANDED))
        return group

    async def _drop_further_copies(self, mail: _Mail, nowhere: Iterable[_Destination]) -> None:
        """Drop copies of a message that came back through the same alias before, so that the sender
        gets one bounce."""
        for lost in nowhere:
            if lost.outcome is None or lost.outcome.status is not CAME_BACK:
                continue
            header, hostname = mail.content.header(), self._router.hostname
            sender = mail.envelope.reverse_path
            if await self._loops.already_reported(header, hostname, lost.path.address, sender):
                lost.safe = True
                dropped = replace(lost.outcome, status=CAME_BACK.because(ANOTHER_COPY))
                self._events.emit(Attempted(mail.identity, dropped))

    # --- carrying out ----------------------------------------------------------------------------

    async def _deliver(self, mail: _Mail, mailboxes: Iterable[_Destination]) -> None:
        """Deliver to mailboxes. After a bug they are deferred, and not refused, since other
        destinations may be safe already."""
        mailboxes = list(mailboxes)
        recipients = [
            LocalRecipient(each.path, each.account, each.through)
            for each in mailboxes
            if each.account
        ]
        try:
            outcomes = await self._delivery.deliver(
                mail.envelope, mail.content, recipients, mail.identity
            )
            for mailbox, outcome in zip(mailboxes, outcomes, strict=True):
                mailbox.settle(outcome)
        except Exception as bug:  # noqa: BLE001 - logged; this host or the client keeps the mail
            status = self._bug(mail, bug)
            for mailbox in mailboxes:
                if mailbox.outcome is None:
                    mailbox.defer(status)

    async def _queue_or_bounce_rest(self, mail: _Mail, plan: _Plan) -> None:
        """For groups with a safe destination, queue or bounce the others. The client keeps the
        message for all other groups."""
        begun = [group for group in dict.fromkeys(plan.groups) if group.begun]
        ours = {each: None for group in begun for each in group.destinations if not each.safe}
        failed = [each for each in ours if each.failed]
        delivered = [
            each for each in plan.here.values() if each.safe and each.path.wants(Notify.SUCCESS)
        ]
        await self._log_unknown(mail, plan.nowhere.values(), ours)
        await self._keep(mail, [each for each in ours if not each.failed])
        expanded = [outcome for group in begun for outcome in group.expanded]
        reports = [*_outcomes([*delivered, *failed]), *dict.fromkeys(expanded)]
        if reports and not await self._reported(mail, reports):
            # the queue tries them again, and reports the failure then
            await self._keep(mail, failed)
            return
        for each in failed:
            each.safe = True

    async def _keep(self, mail: _Mail, destinations: Iterable[_Destination]) -> Status | None:
        """Write these destinations to the queue. Returns None if they are safe there, else the
        refusal."""
        waiting = list(destinations)
        if not waiting:
            return None
        envelope = mail.envelope.to([each.path for each in waiting])
        known = [each for each in _outcomes(waiting) if each.fate is Fate.DEFERRED]
        try:
            status = await self._queue.accept(envelope, mail.content, mail.identity, known)
        except Exception as bug:  # noqa: BLE001 - logged; the client keeps the message
            status = self._bug(mail, bug)
        for each in waiting:
            if status.ok:
                each.safe = True
            else:
                each.defer(status)
        return None if status.ok else status

    # --- reports and events ----------------------------------------------------------------------

    async def _reported(self, mail: _Mail, outcomes: Sequence[Outcome]) -> bool:
        """Hand over the report that the sender asked for. False if it could not be made safe."""
        try:
            report = await self._reports.compose(
                mail.envelope, mail.content, mail.identity, outcomes
            )
            return report is None or await hand_over(report, self, self._events)
        except OSError as error:
            self._events.emit(Faulted("handover", f"{mail.identity}: {error}"))
        except Exception as bug:  # noqa: BLE001 - logged
            self._bug(mail, bug)
        return False

    async def _log_unknown(
        self, mail: _Mail, unknown: Iterable[_Destination], ours: Container[_Destination]
    ) -> None:
        """Log the outcomes of unknown names. Delivery logs those of mailboxes itself."""
        some = _outcomes(each for each in unknown if each in ours)
        for number, outcome in enumerate(some, 1):
            self._events.emit(Attempted(mail.identity, outcome))
            if number % EVENTS_IN_A_ROW == 0:
                await self._pause()

    def _bug(self, mail: _Mail, bug: Exception) -> Status:
        self._log.failure("A bug in the handover of {identity}", identity=mail.identity)
        self._events.emit(Faulted("handover", f"{mail.identity}: {type(bug).__name__}: {bug}"))
        return LOCAL_ERROR.because(f"{type(bug).__name__}: {bug}")


def _merged(groups: Iterable[_Group]) -> _Group:
    """Return one group made of several, without repetitions."""
    whole = _Group()
    for group in dict.fromkeys(groups):
        whole.destinations += group.destinations
        whole.expanded += group.expanded
    return whole


def _of_list(path: ForwardPath) -> ForwardPath:
    """Return the recipient for the members of a list: without a wish for success reports, as this
    host sends that report."""
    if path.notify is None:
        return path
    return replace(path, notify=path.notify & ~Notify.SUCCESS)


def _destinations(plan: _Plan, path: ForwardPath, found: Destinations) -> Iterator[_Destination]:
    """Yield the destinations of one recipient, and add those that are new to the plan."""
    for key, place in found.here.items():
        yield _place(plan.here, key, path.at(place.address), place.account, place.through)
    for address, through in found.elsewhere.items():
        yield _place(plan.elsewhere, address, path.at(address, through))
    for address in found.unknown:
        yield _nowhere(plan, path.at(address), NO_SUCH_USER)
    for address in found.back:
        yield _nowhere(plan, path.at(address), CAME_BACK)
    for address in found.waiting:
        yield _nowhere(plan, path.at(address), NO_POSTMASTER)


def _place(
    places: _Places,
    key: Address,
    path: ForwardPath,
    account: Account | None = None,
    through: tuple[Address, ...] = (),
) -> _Destination:
    """Return the destination with this key, added to the plan if it is new. If several recipients
    lead to it, it gets the report wishes of all of them."""
    known = places.setdefault(key, _Destination(path, account, through=through))
    if known.path.notify != path.notify:
        wishes = (each for each in Notify if known.path.wants(each) or path.wants(each))
        known.path = replace(known.path, notify=reduce(or_, wishes, Notify.NEVER))
    return known


def _nowhere(plan: _Plan, path: ForwardPath, refusal: Status) -> _Destination:
    lost = _place(plan.nowhere, path.address, path)
    # the bare <postmaster> cannot wait in the queue, as it has no domain to be sent to
    waits = refusal.temporary and bool(path.address.domain)
    fate = Fate.DEFERRED if waits else Fate.FAILED
    lost.settle(Outcome(lost.path, fate, refusal))
    return lost


def _outcomes(destinations: Iterable[_Destination]) -> Iterator[Outcome]:
    return (each.outcome for each in destinations if each.outcome is not None)
