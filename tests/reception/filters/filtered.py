"""A case for receptions with filters in front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailhost.concurrency.answers import there
from mailhost.message.content import Content
from mailhost.message.status import Status
from mailhost.reception.filters.reception import FilteredReception
from mailhost.reception.filters.transaction import FilteredTransaction
from tests.fakes import FakeQueue, envelope, now, path
from tests.reception.filters.chain_fakes import ChainWorld, Home
from tests.reception.filters.mails import CLIENT

CONTENT = Content((b"Subject: x\r\n\r\nhello\r\n",))


class FilteredCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = ChainWorld()
        self.home = Home()
        self.queue = FakeQueue()

    def make(self, *filters: Any) -> None:
        """A reception behind these filters."""
        chain = self.world.chain(*filters)
        self.reception = FilteredReception(chain, CLIENT, self.home, self.queue)

    def mail(self) -> Any:
        """MAIL: a transaction or a refusal."""
        return now(self.reception.transaction(CLIENT, envelope()))

    def send(self, *to: str) -> list[str]:
        """All replies to a message for these, from the first RCPT on."""
        return now(self._send(to))

    async def _send(self, to: Sequence[str]) -> list[str]:
        transaction = await self.reception.transaction(CLIENT, envelope())
        assert isinstance(transaction, FilteredTransaction), transaction
        replies = [await there(transaction.recipient(path(each))) for each in to]
        if not any(each.ok for each in replies):
            transaction.abandon()
            return list(map(str, replies))
        begun = await there(transaction.begin())
        if isinstance(begun, Status):
            transaction.abandon()
            return [*map(str, replies), str(begun)]
        replies += await there(transaction.end(CONTENT))
        return list(map(str, replies))

    @property
    def ends(self) -> list[str]:
        """How the transactions behind ended; each must have."""
        return [each.over for each in self.home.all]
