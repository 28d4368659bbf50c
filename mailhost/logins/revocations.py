"""Finds the accounts whose passwords were revoked by a change of the directory.

A password is revoked when its account is removed, when the account gets another password, or when
an app password is removed. Only accounts that have logged in since the start are compared, so that
a change costs little in a large directory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mailhost.interfaces.accounts import Account, DirectoryView
from mailhost.message.address import Address


class Revocations:
    """`revoked` is called with the accounts for which a change has revoked a password."""

    def __init__(self, revoked: Callable[[Sequence[Address]], None]) -> None:
        self._revoked = revoked
        self._logged_in: set[Address] = set()

    def logged_in(self, account: Address) -> None:
        """An account has logged in, in any process."""
        self._logged_in.add(account)

    def changed(self, before: DirectoryView, after: DirectoryView) -> None:
        """The directory has another view."""
        revoked = [
            address
            for address in self._logged_in
            if _has_revoked(before.account(address), after.account(address))
        ]
        if revoked:
            self._logged_in.difference_update(revoked)
            self._revoked(revoked)


def _has_revoked(before: Account | None, after: Account | None) -> bool:
    """True if a password of `before` does not log in to the account any more."""
    if before is None:
        return False
    if after is None or (after.id, after.secret) != (before.id, before.secret):
        return True
    valid = {each.hash for each in after.app_passwords}
    return any(each.hash not in valid for each in before.app_passwords)
