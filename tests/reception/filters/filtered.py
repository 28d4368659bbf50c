"""A case for receptions with filters in front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailhost.concurrency.answers import result_of
from mailhost.message.content import Content
from mailhost.message.status import Status
from mailhost.reception.filters.reception import FilteredReception
from mailhost.reception.filters.transaction import FilteredTransaction
from tests.fakes import FakeQueue, envelope, now, path
from tests.reception.filters.chain_fakes import ChainServices, FakeReception
from tests.reception.filters.mails import CLIENT

CONTENT = Content((b"Subject: x\r\n\r\nhello\r\n",))


class FilteredCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.services = ChainServices()
        self.behind = FakeReception()
        self.queue = FakeQueue()

    def make(self, *filters: Any) -> None:
        """Make a reception with these filters in front."""
        chain = self.services.chain(*filters)
        self.reception = FilteredReception(chain, CLIENT, self.behind, self.queue)

    def mail(self) -> Any:
        """Return the answer to MAIL: a transaction or a refusal."""
        return now(self.reception.transaction(CLIENT, envelope()))

    def send(self, *to: str) -> list[str]:
        """Return the replies to RCPT and to the end of a message to these recipients."""
        return now(self._send(to))

    async def _send(self, to: Sequence[str]) -> list[str]:
        transaction = await self.reception.transaction(CLIENT, envelope())
        assert isinstance(transaction, FilteredTransaction), transaction
        replies = [await result_of(transaction.recipient(path(each))) for each in to]
        if not any(each.ok for each in replies):
            transaction.abandon()
            return list(map(str, replies))
        begun = await result_of(transaction.begin())
        if isinstance(begun, Status):
            transaction.abandon()
            return [*map(str, replies), str(begun)]
        replies += await result_of(transaction.end(CONTENT))
        return list(map(str, replies))

    @property
    def ends(self) -> list[str]:
        """How each of the transactions behind ended."""
        return [each.state for each in self.behind.all]
