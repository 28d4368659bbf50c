"""A chain of filters that are asked for previews only, and notes about what each answered.

The chain is the host's own (`Chain`), with its order, tags and modes; only its filters are replaced
by previews. So a refusal, an edit of the envelope, or a tag for the filters after it has its effect
on the rest of the explanation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from twisted.internet.defer import CancelledError
from zope.interface import implementer

from mailhost.concurrency.answers import result_of
from mailhost.explain.explanation import FilterView
from mailhost.interfaces.events import Event, IEventSink
from mailhost.interfaces.filters import ICounters, IFilter, IPreview, IWitness
from mailhost.interfaces.verdict import PASS, Mail, Stage, Verdict
from mailhost.message.address import Address
from mailhost.reception.filters.chain import Chain, ChainLink

FILTER_LIMIT = 10.0  # seconds that a filter has to answer
NOT_ASKED = "not asked"
ONLY_REAL = "the filter may have effects, and gives no preview"
LATER = "the filter examines the whole message, which a question does not have"
NOT_REACHED = "the client had its reply before, or the tags do not fit"
NOTIFIED = "is notified of the final reply"


@implementer(IEventSink, ICounters)
class NoEffect:
    """Takes events and counts, and drops them."""

    def emit(self, event: Event) -> None:
        """See IEventSink."""

    def add(self, filter: str, what: str) -> None:
        """See ICounters."""


@dataclass(frozen=True, slots=True)
class _Answered:
    stage: Stage
    answer: str
    reason: str


@implementer(IFilter)
class _PreviewFilter:
    """Replaces the filter of a link. `answered` has its answers."""

    def __init__(self, link: ChainLink) -> None:
        self.stages = link.filter.stages
        self.answered: list[_Answered] = []
        given = IPreview.providedBy(link.filter)
        self._preview = IPreview(link.filter) if given else None

    async def look(self, mail: Mail) -> Verdict:
        """Return the preview, or let the mail pass where the filter gives none."""
        if self._preview is None:
            self._note(mail, NOT_ASKED, ONLY_REAL)
            return PASS
        try:
            verdict: Verdict = await result_of(self._preview.preview(mail))
        except Exception as error:
            late = isinstance(error, CancelledError)
            text = f"no answer within {FILTER_LIMIT:g} seconds" if late else str(error)
            self._note(mail, "failed", text or type(error).__name__)
            raise
        self._note(mail, str(verdict.decision), verdict.reason)
        return verdict

    def _note(self, mail: Mail, answer: str, reason: str) -> None:
        self.answered.append(_Answered(mail.stage, answer, reason))


@implementer(IFilter)
class _Last:
    """The last filter of the chain, which gets the mail as the other filters have edited it."""

    stages = (Stage.SENDER, Stage.RECIPIENT)

    def __init__(self) -> None:
        self.mail: Mail | None = None

    def look(self, mail: Mail) -> Verdict:
        """Remember the mail."""
        self.mail = mail
        return PASS


class PreviewChain:
    """`chain` takes the place of the chain that it was made from. `views` says what its filters
    answered so far."""

    def __init__(self, chain: Chain) -> None:
        self._of = [(link, _PreviewFilter(link)) for link in chain.links]
        links = [
            replace(link, filter=preview, seconds=min(link.seconds, FILTER_LIMIT))
            for link, preview in self._of
        ]
        self._last = _Last()
        links.append(ChainLink("the end of the chain", self._last))
        nothing = NoEffect()
        self.chain = Chain(links, nothing, chain.clock, nothing, chain.observing)

    def edited(self, sender: Address | None, recipient: Address) -> tuple[Address | None, Address]:
        """Return the sender and the recipient as the filters have left them."""
        mail = self._last.mail
        if mail is None:
            return sender, recipient
        path = mail.recipient
        return mail.envelope.reverse_path, path.address if path else recipient

    def views(self) -> tuple[FilterView, ...]:
        """Return each filter at each of its stages, in the order in which they are asked."""
        found = [
            self._view(link, preview, stage)
            for stage in Stage
            for link, preview in self._of
            if stage in preview.stages
        ]
        found += [
            _view(link, "end", NOT_ASKED, NOTIFIED)
            for link, preview in self._of
            if IWitness.providedBy(link.filter) and not preview.stages
        ]
        return tuple(found)

    def _view(self, link: ChainLink, preview: _PreviewFilter, stage: Stage) -> FilterView:
        name = stage.name.lower()
        for each in preview.answered:
            if each.stage is stage:
                return _view(link, name, each.answer, each.reason)
        reason = LATER if stage is Stage.MESSAGE else NOT_REACHED
        return _view(link, name, NOT_ASKED, reason + _tags(link))


def _view(link: ChainLink, stage: str, answer: str, reason: str) -> FilterView:
    return FilterView(stage, link.name, "observe" if link.observe else "enforce", answer, reason)


def _tags(link: ChainLink) -> str:
    """Return for which tags a filter is asked, empty for all mail."""
    when = f"; only with the tag {' or '.join(sorted(link.when))}" if link.when else ""
    unless = f"; not with the tag {' or '.join(sorted(link.unless))}" if link.unless else ""
    return when + unless
