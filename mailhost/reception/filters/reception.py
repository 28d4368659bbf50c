"""A reception that asks the chain of filters, and hands on accepted mail to another reception.

There is one for each connection.
"""

from __future__ import annotations

from dataclasses import replace

from zope.interface import implementer

from mailhost.concurrency.answers import result_of
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.extensions import Extensions
from mailhost.interfaces.reception import IQuarantine, IReception, ITransaction
from mailhost.interfaces.verdict import Mail, Stage
from mailhost.message.client import Client
from mailhost.message.envelope import Envelope
from mailhost.message.status import Status
from mailhost.reception.filters.chain import Chain, ChainState
from mailhost.reception.filters.transaction import FilteredTransaction


@implementer(IReception)
class FilteredReception:
    """`behind` is the reception that takes the mail that passes the chain; `quarantine` holds the
    mail that the chain wants an operator to examine."""

    def __init__(
        self, chain: Chain, client: Client, behind: IReception, quarantine: IQuarantine
    ) -> None:
        self._visit = chain.visit(client)
        self._stages = chain.stages
        self._behind = behind
        self._quarantine = quarantine
        self._state = ChainState()

    def connected(self, client: Client) -> Answer[Status | None]:
        if Stage.CONNECTED not in self._stages:
            return self._behind.connected(client)
        return self._connected(client)

    async def _connected(self, client: Client) -> Status | None:
        refusal = await self._look(Mail(Stage.CONNECTED, client))
        if refusal is not None:  # the codes that a greeting may have, RFC 5321 §4.3.2
            return replace(refusal, code=421 if refusal.temporary else 554)
        return await result_of(self._behind.connected(client))

    def hello(self, client: Client) -> Answer[Extensions | Status | None]:
        if Stage.HELLO not in self._stages:
            return self._behind.hello(client)
        return self._hello(client)

    async def _hello(self, client: Client) -> Extensions | Status | None:
        refusal = await self._look(Mail(Stage.HELLO, client))
        if refusal is not None:
            return refusal
        return await result_of(self._behind.hello(client))

    async def _look(self, mail: Mail) -> Status | None:
        result = await self._visit.look(mail, self._state)
        self._state = result.state
        return result.refusal

    async def transaction(self, client: Client, envelope: Envelope) -> ITransaction | Status:
        mail, state = Mail(Stage.SENDER, client, envelope), self._state
        if Stage.SENDER in self._stages:
            result = await self._visit.look(mail, state)
            if result.refusal is not None:
                self._visit.chain.ended(mail, result.state.findings, [result.refusal])
                self._visit.abandon()
                return result.refusal
            mail, state = result.mail, result.state
        transaction = FilteredTransaction(self._visit, mail, state, self._behind, self._quarantine)
        refusal = await transaction.open()
        if refusal is not None:
            self._visit.abandon()
            return refusal
        return transaction

    def disconnected(self) -> None:
        self._visit.leave()
        self._behind.disconnected()
