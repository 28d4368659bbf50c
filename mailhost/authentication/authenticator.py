"""Who may log in: names looked up, passwords checked in threads, failures counted and slowed.

A name is the account's whole address; an alias domain will do for its domain. An unknown name
costs as long as a known one and gets the same words. Each failure from an address makes the next
answer to it slower, up to a limit; beyond the limit nobody there is listened to for a while.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Awaitable, Sequence
from typing import Any

from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from mailhost.authentication.failures import Failures
from mailhost.authentication.remembered import Remembered
from mailhost.authentication.secret import (
    ITERATIONS,
    BadSecret,
    hash_password,
    parse_secret,
    verify,
)
from mailhost.config.model import Login
from mailhost.events import LoggedIn, LoginRefused
from mailhost.interfaces import (
    DirectoryUnavailable,
    IAuthenticator,
    IDirectory,
    IEventSink,
    ScramKeys,
)
from mailhost.message.accounts import Account
from mailhost.message.address import Address, BadAddress, parse_address
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.net.sasl.mechanisms import MECHANISMS

THREADS = 2  # each holds argon2's memory while it works
MOST_WAITING = 200
SLOWEST = 30.0  # seconds
WRONG = Status(535, "5.7.8", "Name or password is wrong")
TOO_MANY = Status(421, "4.7.0", "Too many failed logins from your address; come back later")
NOT_NOW = Status(454, "4.7.0", "Cannot check passwords now; please try again later")


@implementer(IAuthenticator)
class Authenticator:
    """`settings` may be replaced at any time. `start` and `stop` bracket its threads."""

    def __init__(
        self, reactor: Any, directory: IDirectory, settings: Login, events: IEventSink
    ) -> None:
        self._reactor = reactor
        self._directory = directory
        self._settings = settings
        self._events = events
        self._failures = Failures(reactor, settings.failures_within)
        self._remembered = Remembered(reactor)
        self._pool = ThreadPool(0, THREADS, "passwords")
        self._waiting = 0
        self._nobody = hash_password(os.urandom(16).hex())
        self._salt_key = os.urandom(32)

    def start(self) -> None:
        """Start the threads."""
        self._pool.start()

    def stop(self) -> None:
        """End the threads."""
        self._pool.stop()

    def replace_settings(self, settings: Login) -> None:
        """Take new settings."""
        self._settings = settings
        self._failures.within = settings.failures_within

    def mechanisms(self, client: Client) -> Sequence[str]:
        if client.tls or (self._settings.plaintext_on_loopback and client.local_machine):
            return tuple(MECHANISMS)
        return ()

    async def password(
        self, client: Client, username: str, password: str, mechanism: str
    ) -> Address | Status:
        if self._failures.of(client.ip) >= self._settings.failures:
            return self._refused(client, username, TOO_MANY)
        try:
            account = await self._account(username)
            proven = await self._check(account.secret if account else "", password)
        except (DirectoryUnavailable, BadSecret) as error:
            return self._refused(client, username, NOT_NOW.because(str(error)))
        except _TooBusy:
            return self._refused(client, username, NOT_NOW.because("too many logins at once"))
        return await self._result(client, username, account if proven else None, mechanism)

    async def scram_keys(self, client: Client, username: str) -> ScramKeys | Status:
        if self._failures.of(client.ip) >= self._settings.failures:
            return self._refused(client, username, TOO_MANY)
        try:
            account = await self._account(username)
            keys = parse_secret(account.secret).scram if account and account.secret else None
        except (DirectoryUnavailable, BadSecret) as error:
            return self._refused(client, username, NOT_NOW.because(str(error)))
        return keys or self._made_up(username)

    async def scram_result(self, client: Client, username: str, proven: bool) -> Address | Status:
        try:
            account = await self._account(username) if proven else None
        except DirectoryUnavailable as error:
            return self._refused(client, username, NOT_NOW.because(str(error)))
        return await self._result(client, username, account, "SCRAM-SHA-256")

    async def _account(self, username: str) -> Account | None:
        """Look the name up. Raises DirectoryUnavailable."""
        try:
            address = parse_address(username)
        except BadAddress:
            return None
        account = self._directory.view.account(address)
        return account or (await self._directory.refresh()).account(address)

    async def _check(self, secret: str, password: str) -> bool:
        """Compare in a thread. Raises BadSecret, _TooBusy."""
        if secret and self._remembered.knows(secret, password):
            return True
        if self._waiting >= MOST_WAITING:
            raise _TooBusy
        self._waiting += 1
        try:
            right = await deferToThreadPool(
                self._reactor, self._pool, verify, secret or self._nobody, password
            )
        finally:
            self._waiting -= 1
        if right and secret:
            self._remembered.add(secret, password)
        return bool(right and secret)

    async def _result(
        self, client: Client, username: str, account: Account | None, mechanism: str
    ) -> Address | Status:
        if account is not None:
            self._failures.forget(client.ip)
            self._events.tell(LoggedIn(client, account.address, mechanism))
            return account.address
        failures = self._failures.add(client.ip)
        await self._slowly(failures)
        self._events.tell(LoginRefused(client, username[:100], WRONG, failures))
        return WRONG

    def _slowly(self, failures: int) -> Awaitable[None]:
        """Wait longer with each failure: whoever guesses has time."""
        delay = min(self._settings.delay * 2 ** min(failures - 1, 10), SLOWEST)
        return deferLater(self._reactor, delay, lambda: None)

    def _refused(self, client: Client, username: str, status: Status) -> Status:
        failures = self._failures.of(client.ip)
        self._events.tell(LoginRefused(client, username[:100], status, failures))
        return status

    def _made_up(self, username: str) -> ScramKeys:
        """Keys for a name that has none: the same at each call, as those of a real one are."""
        salt = hmac.digest(self._salt_key, username.lower().encode("utf-8", "replace"), "sha256")
        return ScramKeys(salt[:16], ITERATIONS, os.urandom(32), os.urandom(32))


class _TooBusy(Exception):
    """More logins wait than can be checked in reasonable time."""
