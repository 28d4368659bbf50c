"""How many connections of one account there may be, over all listeners and processes."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from mailhost.message.address import Address
from mailhost.message.status import Status


class OtherAccounts(Protocol):
    """Connections of accounts that other processes hold, and where ours are counted for them."""

    def of_account(self, account: str) -> int:
        """How many of one account."""

    def add_account(self, account: str, change: int) -> None:
        """There is one more of ours, or one less."""


class AccountLimit:
    """Counts the connections that have logged in. `most` may be replaced at any time."""

    def __init__(self, most: int, others: OtherAccounts | None = None) -> None:
        self.most = most
        self._others = others
        self._of_account: Counter[str] = Counter()

    def admit(self, account: Address) -> Status | None:
        """Count a connection; None lets it in, and `release` must follow one day."""
        key = str(account)
        others = self._others.of_account(key) if self._others else 0
        if self._of_account[key] + others >= self.most:
            return Status(
                421,
                "4.7.0",
                "Too many connections of this account; please close some",
                f"{self.most} connections of {key}",
            )
        self._add(key, 1)
        return None

    def release(self, account: Address) -> None:
        """An admitted connection is gone."""
        self._add(str(account), -1)

    def _add(self, key: str, change: int) -> None:
        self._of_account[key] += change
        if not self._of_account[key]:
            del self._of_account[key]
        if self._others:
            self._others.add_account(key, change)
