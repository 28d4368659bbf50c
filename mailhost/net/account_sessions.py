"""The sessions of this process that have logged in, by account, so that all of an account can end.

A login takes time: the password is hashed, or the client sends several lines. Passwords that are
revoked meanwhile must not log in any more, so a login begins with `mark`, and `add` refuses it if
passwords of its account were revoked since.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mailhost.message.address import Address
from mailhost.message.status import Status

ENDED = Status(421, "4.7.0", "The account was removed or its password changed; please log in again")

_Key = tuple[str, str]


class AccountSessions:
    """`mark` rises with each revocation."""

    def __init__(self) -> None:
        self.mark = 0
        self._sessions: dict[_Key, dict[Callable[[], None], None]] = {}
        self._revoked: dict[_Key, int] = {}

    def add(self, account: Address, end: Callable[[], None], mark: int) -> bool:
        """Have `end` called when the sessions of an account are to end, until `remove`. `mark` is
        what it was when the login began. False if the login is not valid any more."""
        key = _key(account)
        if self._revoked.get(key, 0) > mark:
            return False
        self._sessions.setdefault(key, {})[end] = None
        return True

    def remove(self, account: Address, end: Callable[[], None]) -> None:
        """A session has ended. One that was not added is ignored."""
        key = _key(account)
        ends = self._sessions.get(key, {})
        ends.pop(end, None)
        if not ends:
            self._sessions.pop(key, None)

    def end(self, accounts: Iterable[Address]) -> None:
        """Passwords of these accounts were revoked: end all their sessions."""
        self.mark += 1
        for account in accounts:
            key = _key(account)
            self._revoked[key] = self.mark
            for end in list(self._sessions.get(key, ())):
                end()


def _key(account: Address) -> _Key:
    return account.key, account.domain
