"""The transaction of one message that passes the chain of filters.

A message that passes is handed on to the transaction of the reception behind. A message that a
filter quarantines is held in the queue until an operator releases or deletes it. When filters
change the envelope of a whole message, the transaction behind is begun again with the new envelope.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from zope.interface import implementer

from mailhost.concurrency.answers import result_of
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.events import Refused
from mailhost.interfaces.reception import (
    ICollector,
    IFilterable,
    IQuarantine,
    IReception,
    ITransaction,
)
from mailhost.interfaces.verdict import Mail, Stage
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.prepared import Prepared
from mailhost.message.status import OK, Status
from mailhost.reception.filters.chain import CLIENT_GONE, ChainResult, ChainState, ChainVisit

RECIPIENT_OK = Status(250, "2.1.5", "Recipient OK")
NO_RECIPIENT_LEFT = Status(550, "5.7.1", "The filters have removed all recipients")


@implementer(ITransaction)
class FilteredTransaction:
    """The transaction of one message.

    `mail` has the envelope as edited by the chain at MAIL, `state` its verdicts. `open` must be
    called first.
    """

    def __init__(
        self,
        visit: ChainVisit,
        mail: Mail,
        state: ChainState,
        behind: IReception,
        quarantine: IQuarantine,
    ) -> None:
        self.identity = ""
        self.opened: Status | None = None
        self._visit = visit
        self._mail = mail
        self._state = state
        self._behind = behind
        self._quarantine = quarantine
        self._transaction: IFilterable
        self._accepted: list[ForwardPath | None] = []  # None: answered with 250, but discarded
        self._refused: list[tuple[ForwardPath, Status]] = []  # refused by filters
        self._abandoned = False

    async def open(self) -> Status | None:
        """Begin the transaction of the reception behind. Return the refusal of that, or None."""
        answer: ITransaction | Status = await result_of(
            self._behind.transaction(self._mail.client, self._mail.envelope)
        )
        if isinstance(answer, Status):
            return answer
        self._transaction = IFilterable(answer)
        self.identity = self.identity or answer.identity
        self.opened = answer.opened
        self._mail = replace(self._mail, identity=self.identity)
        return None

    def coming(self, paths: Sequence[ForwardPath]) -> None:
        if Stage.RECIPIENT not in self._visit.chain.stages:  # otherwise filters are asked first
            self._transaction.coming(paths)

    def recipient(self, path: ForwardPath) -> Answer[Status]:
        return self._recipient(path)

    async def _recipient(self, path: ForwardPath) -> Status:
        result = await self._look(Stage.RECIPIENT, self._mail, path)
        if self._abandoned:  # by a client that disconnected while filters were asked
            return CLIENT_GONE
        if result.refusal is not None:
            self._state = result.state
            self._refused.append((path, result.refusal))
            return result.refusal
        before, self._state = self._state, result.state
        if result.state.dropped and not before.dropped:  # discards this recipient alone
            self._state = _not_dropped(result.state)
            self._accepted.append(None)
            return RECIPIENT_OK
        path = result.mail.recipient or path
        status = await result_of(self._transaction.recipient(path))
        if status.ok:
            self._accepted.append(path)
        return status

    def begin(self) -> Answer[ICollector | Status]:
        return self._transaction.begin()

    async def end(self, content: Content) -> Sequence[Status]:
        paths = [path for path in self._accepted if path is not None]
        mail = self._mail.sent_to(*paths).containing(content)
        if self._state.dropped or not paths:
            self._visit.abandon()
            return self._ended(mail, [self._dropped()])
        prepared: Prepared | Status = await result_of(self._transaction.prepare(content))
        if isinstance(prepared, Status):
            self._visit.abandon()
            self._abandon()
            return self._ended(mail, [prepared])
        mail = replace(mail, content=prepared.content, received=prepared.top)
        result = await self._look(Stage.MESSAGE, mail)
        self._state = result.state
        if result.refusal is not None or self._state.dropped:
            self._visit.abandon()  # some filters were not asked about the message
        if result.refusal is not None:
            self._abandon()
            return self._ended(mail, [result.refusal])
        prepared = replace(prepared, content=result.mail.content)
        return self._ended(result.mail, await self._hand_on(mail, result.mail, prepared))

    async def _hand_on(self, before: Mail, mail: Mail, message: Prepared) -> Sequence[Status]:
        """Hand the message on to the transaction behind, or hold it in the quarantine.

        A held message must pass the same rules, since no rule is checked when it is released.
        """
        if self._state.dropped:
            return [self._dropped()]
        changed = mail.envelope != before.envelope
        paths: Sequence[ForwardPath] = mail.envelope.recipients
        if changed:
            accepted = await self._restart(before.envelope, mail)
            if isinstance(accepted, Status):
                return [accepted]
            paths = accepted
        leaving: Prepared | Status = await result_of(self._transaction.leave(message))
        if isinstance(leaving, Status):
            self._abandon()
            return [leaving]
        if self._state.held:
            self._abandon()
            envelope, reason = mail.envelope.to(paths), self._state.held
            hold = self._quarantine.hold
            return [await hold(envelope, leaving.held(), self.identity, reason)]
        statuses = await result_of(self._transaction.hand_on(leaving))
        return _worst(statuses) if changed else self._with_dropped(statuses)

    async def _restart(self, before: Envelope, mail: Mail) -> Sequence[ForwardPath] | Status:
        """Begin a transaction with the changed envelope at the reception behind.

        Return the recipients that were accepted, or the refusal of the message.
        """
        self._transaction.abandon()
        self._mail = mail
        refusal = await self.open()
        if refusal is not None:
            return refusal
        paths = await self._repeat_recipients(before, mail.envelope)
        if isinstance(paths, Status):
            self._transaction.abandon()
            return paths
        collector = await result_of(self._transaction.begin())
        return collector if isinstance(collector, Status) else paths

    async def _repeat_recipients(
        self, before: Envelope, after: Envelope
    ) -> Sequence[ForwardPath] | Status:
        """Repeat RCPT for the recipients of the changed envelope. Return those that were accepted.

        A recipient that the client named, or its replacement, must be accepted; otherwise nobody
        would report its loss to the sender, so the refusal is returned. A recipient that a filter
        has added is left out when it is refused permanently.
        """
        old, new = _addresses(before), _addresses(after)
        status: Status = NO_RECIPIENT_LEFT
        accepted: list[ForwardPath] = []
        for path in after.recipients:
            status = await result_of(self._transaction.recipient(path))
            if status.ok:
                accepted.append(path)
                continue
            added = old <= new and path.address not in old
            if not (added and status.permanent):
                return status
            command = f"RCPT <{path.address}>, added to {self.identity} by a filter,"
            event = Refused(self._mail.client, command, status, self.identity)
            self._visit.chain.events.emit(event)
        return accepted or status

    def _with_dropped(self, statuses: Sequence[Status]) -> Sequence[Status]:
        """Return the replies with a reply for each discarded recipient in its place (LMTP)."""
        if len(statuses) <= 1 or None not in self._accepted:
            return statuses
        rest = iter(statuses)
        return [OK if path is None else next(rest, statuses[-1]) for path in self._accepted]

    def _dropped(self) -> Status:
        self._abandon()
        return OK

    def _ended(self, mail: Mail, statuses: Sequence[Status]) -> Sequence[Status]:
        self._visit.chain.ended(mail, self._state.findings, statuses)
        return statuses

    async def _look(
        self, stage: Stage, mail: Mail, recipient: ForwardPath | None = None
    ) -> ChainResult:
        mail = replace(mail, stage=stage, recipient=recipient)
        if stage not in self._visit.chain.stages:
            return ChainResult(mail, self._state)
        return await self._visit.look(mail, self._state)

    def abandon(self) -> None:
        if self._refused and not any(self._accepted):  # witnesses are not notified otherwise
            paths, statuses = zip(*self._refused, strict=True)
            self._ended(self._mail.sent_to(*paths), statuses)
        self._abandoned = True
        self._visit.abandon()
        self._abandon()

    def _abandon(self) -> None:
        self._transaction.abandon()


def _addresses(envelope: Envelope) -> frozenset[Address]:
    return frozenset(path.address for path in envelope.recipients)


def _worst(statuses: Sequence[Status]) -> Sequence[Status]:
    """Return one reply for all recipients, since they differ from those that the client named.

    The first refusal counts: some recipients may then get the message twice, but none is lost.
    """
    return [next((status for status in statuses if not status.ok), statuses[0])]


def _not_dropped(state: ChainState) -> ChainState:
    return ChainState(state.tags, state.held, "", state.findings)
