"""The chain of filters, which are asked in order at each stage until one refuses or discards.

A filter that observes is asked like the others; its verdict is logged and has no effect. When a
filter fails or does not answer in time, the mail is deferred or passes, as its settings say.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import ParamSpec

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailhost.interfaces.events import Faulted, Filtered, IEventSink
from mailhost.interfaces.filters import (
    FilterFailed,
    ICounters,
    IFilter,
    ISessionFilter,
    IVisit,
    IWitness,
)
from mailhost.interfaces.verdict import PASS, Decision, Facts, Finding, Mail, Stage, Verdict
from mailhost.message.client import Client
from mailhost.message.envelope import Body
from mailhost.message.status import Status
from mailhost.net.dot_stuffing import BareLineEnd, checked

FILTER_FAILED = Status(451, "4.3.0", "A filter failed here; please try again later")
CLIENT_GONE = Status(
    421, "4.4.2", "The connection is gone", "the client disconnected while filters were asked"
)
ASKED_COUNT = "asked"  # the counter of the times that a filter was asked
DECISIONS = frozenset(Decision)
REFUSALS = (Decision.REJECT, Decision.DEFER)
# exceptions that the code of a filter may raise: no mail is lost, and the host goes on
FILTER_FAULTS = (Exception, SystemExit, KeyboardInterrupt, CancelledError)
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class ChainLink:
    """One filter of the chain, and its general settings.

    With `observe` its verdicts have no effect; with `pass_errors` mail passes when it fails. The
    filter is asked about mail that has one of the tags in `when`, if there are any, and none of
    those in `unless`. It must answer within `seconds`. The edits of a filter that is the
    operator's `own` code are checked.
    """

    name: str
    filter: IFilter | ISessionFilter
    observe: bool = False
    pass_errors: bool = False
    when: frozenset[str] = frozenset()
    unless: frozenset[str] = frozenset()
    seconds: float = 300.0
    own: bool = False

    def fits(self, mail: Mail) -> bool:
        """True where the filter is to be asked about the mail at its stage."""
        return mail.stage in self.filter.stages and self.concerns(mail)

    def concerns(self, mail: Mail) -> bool:
        """True where the tags of the mail fit `when` and `unless`."""
        if mail.tags & self.unless:
            return False
        return not self.when or bool(mail.tags & self.when)


@dataclass(frozen=True, slots=True)
class ChainState:
    """The verdicts of the filters so far.

    `held` and `dropped` are the reasons of a quarantine and of a discard of the whole message,
    empty for none.
    """

    tags: frozenset[str] = frozenset()
    held: str = ""
    dropped: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class ChainResult:
    """The mail after the edits of the chain, the verdicts, and the refusal or None."""

    mail: Mail
    state: ChainState
    refusal: Status | None = None


class Chain:
    """The filters of one listener, in order.

    Filters that provide IWitness are notified of the end of each message. `observing`: the whole
    chain observes; tags have their effect even then, because they only select filters.
    """

    _log = Logger("mailhost.filters")

    def __init__(
        self,
        links: Sequence[ChainLink],
        counters: ICounters,
        clock: IReactorTime,
        events: IEventSink,
        observing: bool = False,
    ) -> None:
        self.links = tuple(links)
        self.stages = frozenset(stage for link in links for stage in link.filter.stages)
        self.counters = counters
        self.clock = clock
        self.events = events
        self.observing = observing
        self._witnesses = [
            (link, IWitness(link.filter)) for link in links if IWitness.providedBy(link.filter)
        ]

    def visit(self, client: Client) -> ChainVisit:
        """Return the chain for a client that has connected."""
        return ChainVisit(self, client)

    def ended(self, mail: Mail, findings: Sequence[Finding], statuses: Sequence[Status]) -> None:
        """Notify the witnesses that a message was answered with `statuses`."""
        for link, witness in self._witnesses:
            if link.concerns(mail):
                self.notify_one(link, witness.ended, mail, findings, statuses)

    def notify_one(
        self, link: ChainLink, call: Callable[P, None], *given: P.args, **named: P.kwargs
    ) -> None:
        """Call a method of a filter that returns no verdict. An exception is only logged."""
        try:
            call(*given, **named)
        except FILTER_FAULTS as error:
            self.failed(link, error)

    def failed(self, link: ChainLink, error: BaseException) -> str:
        """Count and log the fault of a filter. Return the text in the log."""
        text = f"{type(error).__name__}: {error}".removesuffix(": ")
        if isinstance(error, TimeoutError):
            text = f"no answer in {link.seconds:g} seconds"
        elif isinstance(error, FilterFailed | OSError):
            text = str(error)
        else:
            self._log.failure(f"The filter {link.name} failed", Failure(error))
        self.counters.add(link.name, "failed")
        self.events.emit(Faulted(f"filter {link.name}", text))
        return text

    def note(self, mail: Mail, finding: Finding) -> None:
        """Count a finding, and emit an event for it unless the client gets it as a reply."""
        would = "would " if finding.observed else ""
        self.counters.add(finding.filter, f"{would}{finding.decision}")
        if finding.observed or finding.decision not in REFUSALS:
            event = Filtered(mail.client, mail.identity, finding, mail.envelope, mail.recipient)
            self.events.emit(event)


class ChainVisit:
    """The chain for one client, with the visits of the filters that keep state for a client."""

    def __init__(self, chain: Chain, client: Client) -> None:
        self.chain = chain
        self._left = False
        self._visits: list[tuple[ChainLink, IVisit]] = []
        self._links = [(link, self._open(link, client)) for link in chain.links]

    def _open(self, link: ChainLink, client: Client) -> IFilter:
        if not ISessionFilter.providedBy(link.filter):
            return IFilter(link.filter)
        try:
            visit = ISessionFilter(link.filter).visit(client)
        except FILTER_FAULTS as error:
            return _Failing(link.filter.stages, error)
        self._visits.append((link, visit))
        return visit

    def abandon(self) -> None:
        """End a transaction that has no message, or about which not all filters were asked."""
        if not self._left:
            for link, visit in self._visits:
                self.chain.notify_one(link, visit.abandon)

    def leave(self) -> None:
        """End the visits, because the client has disconnected. No more filters are asked."""
        self._left = True
        for link, visit in self._visits:
            self.chain.notify_one(link, visit.leave)

    async def look(self, mail: Mail, state: ChainState) -> ChainResult:
        """Ask the filters of this stage in order. Return the mail with their edits and verdicts.

        A client that disconnects meanwhile is a refusal, so that the message is not handed on.
        """
        for link, filter in self._links:
            mail = mail if mail.tags == state.tags else replace(mail, tags=state.tags)
            if not link.fits(mail):
                continue
            verdict = await self._ask(link, filter, mail)
            if self._left:
                return ChainResult(mail, state, CLIENT_GONE)
            if verdict.facts is not None:
                mail = verdict.facts.mail
                state = replace(state, tags=state.tags | verdict.facts.tags)
            if _is_pass(verdict) or verdict.tag in state.tags:
                continue
            finding = Finding(link.name, mail.stage, verdict.decision, verdict.reason, link.observe)
            if not _known(finding, state):
                state = replace(state, findings=(*state.findings, finding))
                self.chain.note(mail, finding)
            if link.observe and not (verdict.tag and self.chain.observing):
                continue
            if verdict.decision in REFUSALS:
                return ChainResult(mail, state, _refusal(link, verdict))
            mail, state = _applied(mail, state, verdict)
            if state.dropped:
                break
        return ChainResult(mail, state)

    async def _ask(self, link: ChainLink, filter: IFilter, mail: Mail) -> Verdict:
        self.chain.counters.add(link.name, ASKED_COUNT)
        try:
            answer = filter.look(mail)
            if isinstance(answer, Awaitable):
                answer = await self._in_time(answer, link.seconds)
            verdict = _checked(answer)
            if link.own:
                _check_line_ends(mail, verdict)
            return verdict
        except FILTER_FAULTS as error:
            text = self.chain.failed(link, error)
            return PASS if link.pass_errors else Verdict(Decision.DEFER, text, FILTER_FAILED)

    async def _in_time(self, answer: Awaitable[Verdict], seconds: float) -> Verdict:
        """Return the answer. Raises TimeoutError after `seconds`.

        The filter is then cancelled. The answer of a filter that goes on nevertheless is ignored.
        """

        async def awaited() -> Verdict:
            return await answer

        answering = Deferred.fromCoroutine(awaited())
        in_time: Deferred[Verdict] = Deferred(lambda _: answering.cancel())
        answering.addBoth(lambda result: None if in_time.called else in_time.callback(result))
        return await in_time.addTimeout(seconds, self.chain.clock)


@implementer(IFilter)
class _Failing:
    """The replacement for a visit that could not begin: raises the error of that."""

    def __init__(self, stages: Collection[Stage], error: BaseException) -> None:
        self.stages = stages
        self._error = error

    def look(self, mail: Mail) -> Verdict:
        raise self._error


def _is_pass(verdict: Verdict) -> bool:
    return verdict.decision is Decision.PASS and not verdict.reason


def _checked(answer: object) -> Verdict:
    """Return the verdict of a filter. Raises TypeError for an answer that is no valid verdict, such
    as a refusal with a 2xx reply, which would lose mail."""
    if not isinstance(answer, Verdict):
        raise TypeError(f"look() returned {answer!r:.100}, which is no Verdict")
    decision, status, mail = answer.decision, answer.status, answer.mail
    if decision not in DECISIONS:
        raise TypeError(f"look() returned the decision {decision!r:.100}")
    if decision in REFUSALS and status is not None and status.code < 400:
        raise TypeError(f"look() wants to refuse with {status}")
    if decision is Decision.EDIT and not isinstance(mail, Mail):
        raise TypeError("look() returned an edit without a Mail")
    if not isinstance(answer.facts, Facts | None):
        raise TypeError(f"look() returned the facts {answer.facts!r:.100}")
    if decision is Decision.JUNK and answer.facts is None:
        raise TypeError("look() returned junk without facts, which have the mark in them")
    if decision is Decision.QUARANTINE and not isinstance(mail, Mail | None):
        raise TypeError(f"look() returned a quarantine of {mail!r:.100}")
    return answer


def _check_line_ends(before: Mail, verdict: Verdict) -> None:
    """Raise FilterFailed for edited content with a bare CR or LF, which cannot be sent."""
    edited = [verdict.mail, verdict.facts.mail if verdict.facts else None]
    try:
        for after in edited:
            if after is None or after.content is before.content:
                continue
            if before.envelope.body is not Body.BINARY:
                for _ in checked(after.content.chunks()):
                    pass
    except BareLineEnd as error:
        raise FilterFailed("its edit has a bare CR or LF; lines must end with CRLF") from error


def _known(finding: Finding, state: ChainState) -> bool:
    """True where the same finding was observed at an earlier stage."""
    return finding.observed and any(
        replace(finding, stage=known.stage) == known for known in state.findings
    )


def _refusal(link: ChainLink, verdict: Verdict) -> Status:
    """Return the reply: the text of the filter, followed by its name in brackets."""
    status = verdict.status or FILTER_FAILED
    cause = verdict.reason if verdict.reason != status.text else ""
    return replace(status, text=f"{status.text} [{link.name}]", cause=cause)


def _applied(mail: Mail, state: ChainState, verdict: Verdict) -> tuple[Mail, ChainState]:
    match verdict.decision:
        case Decision.TAG:
            return mail, replace(state, tags=state.tags | {verdict.tag})
        case Decision.EDIT if verdict.mail is not None:
            return verdict.mail, state
        case Decision.QUARANTINE:
            return verdict.mail or mail, replace(state, held=state.held or verdict.reason)
        case Decision.DISCARD:
            return mail, replace(state, dropped=verdict.reason or "discarded")
    return mail, state
