"""Verifies plain passwords in threads, a few at a time, and remembers correct ones for a short
time.

argon2 is made to be slow and to take memory, so only MOST_AT_ONCE verifications run at a time, and
MOST_WAITING may wait. If a mail program logs in again and again, its password is verified once in
five minutes: a correct password is remembered as an HMAC with a random key, never as a password.
The secret is part of the HMAC, so after a change of the password the HMAC no longer matches.
"""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from functools import partial

from twisted.internet.defer import DeferredSemaphore
from twisted.internet.interfaces import IReactorTime

from mailhost.concurrency.threads import InThread
from mailhost.interfaces.accounts import Account
from mailhost.logins.stored_secret import hash_password, verify

MOST_AT_ONCE = 2
MOST_WAITING = 200
REMEMBERED_FOR = 300.0  # seconds
MOST_REMEMBERED = 10_000


class TooBusy(Exception):
    """Too many verifications wait already."""


class Verifier:
    """`in_thread` runs a blocking call in a thread. The constructor blocks for some 50 ms."""

    def __init__(self, clock: IReactorTime, in_thread: InThread) -> None:
        self._clock = clock
        self._in_thread = in_thread
        self._turns = DeferredSemaphore(MOST_AT_ONCE)
        self._key = secrets.token_bytes(32)
        self._secret_of_no_account = hash_password(secrets.token_urlsafe())
        self._remembered: OrderedDict[bytes, float] = OrderedDict()

    async def matches(self, account: Account | None, password: str) -> bool:
        """Return True if `password` is the password of `account`.

        For None, or an account without a password, the result is False after the same time as for
        other accounts. Raises BadSecret, TooBusy.
        """
        if account is None or not account.secret:
            await self._verify(self._secret_of_no_account, password)
            return False
        mark = self._mark(account, password)
        if self._remembers(mark):
            return True
        matches = await self._verify(account.secret, password)
        if matches:
            self._remember(mark)
        return matches

    async def _verify(self, secret: str, password: str) -> bool:
        if len(self._turns.waiting) >= MOST_WAITING:
            raise TooBusy
        return await self._turns.run(self._in_thread, partial(verify, secret, password))

    def _mark(self, account: Account, password: str) -> bytes:
        message = "\0".join((str(account.address), account.secret, password))
        return hmac.digest(self._key, message.encode("utf-8", "surrogatepass"), "sha256")

    def _remembers(self, mark: bytes) -> bool:
        until = self._remembered.get(mark)
        if until is None:
            return False
        left = until - self._clock.seconds()
        if 0 < left <= REMEMBERED_FOR:
            return True
        del self._remembered[mark]
        return False

    def _remember(self, mark: bytes) -> None:
        self._remembered[mark] = self._clock.seconds() + REMEMBERED_FOR
        self._remembered.move_to_end(mark)
        if len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)
