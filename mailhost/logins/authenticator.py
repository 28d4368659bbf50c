"""Says who may log in, for every wire and mechanism.

The user name is the whole address: upper or lower case, and under any name of its domain. A bare
name is refused even where there is but one domain: it would stop working with the second.

The guard counts failures and delays their replies; beyond its limits no password is looked at. The
directory is asked for changes made elsewhere before a login is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mailhost.concurrency.threads import InThread, threads_of
from mailhost.config.model import Login
from mailhost.interfaces.accounts import Account
from mailhost.interfaces.directory import DirectoryUnavailable, IDirectory
from mailhost.interfaces.events import IEventSink, LoggedIn
from mailhost.interfaces.logins import IAuthenticator, ScramKeys
from mailhost.interfaces.reactor import IReactor
from mailhost.logins.app_passwords import hash_app_password, matching
from mailhost.logins.guard import LoginGuard, normal_username, parse_username
from mailhost.logins.stored_secret import ITERATIONS, BadSecret, parse_secret
from mailhost.logins.verifier import TooBusy, Verifier
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.status import Status

MECHANISMS = ("SCRAM-SHA-256", "PLAIN", "LOGIN")
SCRAM = "SCRAM-SHA-256"

WRONG = Status(535, "5.7.8", "Wrong user name or password")
NOT_NOW = Status(454, "4.7.0", "Passwords cannot be checked now; please try again later")
BUSY = NOT_NOW.because("too many passwords to check at once")
IN_THE_CLEAR = Status(538, "5.7.11", "No password in the clear here; use TLS")


@dataclass(frozen=True, slots=True)
class _Proven:
    """The account that a password proves, and the name of the app password that it is."""

    account: Account
    app_password: str = ""


def _note_nothing(account: Address, name: str) -> None:
    """No one asks when app passwords were used."""


@implementer(IAuthenticator)
class Authenticator:
    """`in_thread` is for tests; it defaults to the reactor's threads. `used` is called with account
    and name when an app password was used. Making one takes 50 ms."""

    def __init__(
        self,
        reactor: IReactor,
        directory: IDirectory,
        settings: Login,
        events: IEventSink,
        guard: LoginGuard,
        in_thread: InThread | None = None,
        used: Callable[[Address, str], None] = _note_nothing,
    ) -> None:
        self._used = used
        self._directory = directory
        self._settings = settings
        self._events = events
        self._guard = guard
        self._verifier = Verifier(IReactorTime(reactor), in_thread or threads_of(reactor))
        self._key = secrets.token_bytes(32)

    def reconfigure(self, settings: Login) -> None:
        """Use other settings from now on."""
        self._settings = settings

    def use_key(self, key: bytes) -> None:
        """Derive SCRAM salts for unknown names from this key, which is kept between starts."""
        self._key = key

    def mechanisms(self, client: Client) -> Sequence[str]:
        """See IAuthenticator."""
        return mechanisms_for(self._settings, client)

    async def password(
        self, client: Client, username: str, password: str, mechanism: str
    ) -> Address | Status:
        """See IAuthenticator."""
        if not self.mechanisms(client):
            return self._guard.refuse(client, username, IN_THE_CLEAR)
        refusal = await self._guard.begin(client, username)
        if refusal is not None:
            return refusal
        try:
            result = await self._judge(username, password)
        except Exception:
            self._guard.undecided(client, username)
            raise
        if isinstance(result, _Proven):
            self._guard.succeeded(client, username)
            account, name = result.account, result.app_password
            if name:
                self._used(account.address, name)
            return self._log_success(client, account, mechanism, name)
        # a guess counts although the directory cannot be read and the password was not checked
        await self._guard.failed(client, username, result, guessed=result is not BUSY)
        return result

    async def scram_keys(self, client: Client, username: str) -> ScramKeys | Status:
        """See IAuthenticator."""
        refusal = self._at_the_door(client, username)
        if refusal is not None:
            return refusal
        name = parse_username(username)
        try:
            account = await self._newest(name)
        except DirectoryUnavailable as error:
            account = self._known(name)
            if account is None:
                return self._guard.refuse(client, username, NOT_NOW.because(str(error)))
        return _keys_of(account) or self._made_up(name, username)

    async def scram_result(self, client: Client, username: str, proven: bool) -> Address | Status:
        """See IAuthenticator."""
        refusal = self._at_the_door(client, username)
        if refusal is not None:  # others failed while this exchange was under way
            return refusal
        name = parse_username(username)
        account = self._known(name)
        if not proven or account is None:
            status = WRONG.because(_cause(name, account, SCRAM))
            await self._guard.wait(self._guard.count(client, username, status))
            return status
        self._guard.forgive(client, username)
        return self._log_success(client, account, SCRAM)

    async def _judge(self, username: str, password: str) -> _Proven | Status:
        try:
            proven, cause = await self._proven(parse_username(username), password)
        except DirectoryUnavailable as error:
            return NOT_NOW.because(str(error))
        except TooBusy:
            return BUSY
        return proven or WRONG.because(cause)

    def _at_the_door(self, client: Client, username: str) -> Status | None:
        """The refusal for a client whose proof is not even looked at."""
        if not self.mechanisms(client):
            return self._guard.refuse(client, username, IN_THE_CLEAR)
        return self._guard.refusal(client, username)

    def _log_success(
        self, client: Client, account: Account, mechanism: str, app_password: str = ""
    ) -> Address:
        self._events.emit(LoggedIn(client, account.address, mechanism, app_password))
        return account.address

    # --- who it is ------------------------------------------------------------------------------

    async def _proven(self, name: Address | None, password: str) -> tuple[_Proven | None, str]:
        """The account that the password proves, or None and why.

        App passwords are compared first, which takes some microseconds. So each failure takes as
        long as one that is compared with the account's own password.
        """
        hashed = hash_app_password(password)
        account = self._known(name)
        if account is None:
            account = await self._newest(name)
        found = _by_app_password(account, hashed)
        if found is None and await self._matches(account, password):
            found = _Proven(account) if account else None
        if found is not None:
            return found, ""
        newest = await self._newest(name)
        found = _by_app_password(newest, hashed)
        if found is not None or newest is None or account is None:
            return found, _cause(name, newest)
        if newest.secret == account.secret or not await self._matches(newest, password):
            return None, _cause(name, newest)
        return _Proven(newest), ""

    async def _matches(self, account: Account | None, password: str) -> bool:
        try:
            return await self._verifier.matches(account, password)
        except BadSecret:
            return False  # `_cause` says so

    def _known(self, name: Address | None) -> Account | None:
        return self._directory.view.account(name) if name else None

    async def _newest(self, name: Address | None) -> Account | None:
        view = await self._directory.refresh()
        return view.account(name) if name else None

    def _made_up(self, name: Address | None, username: str) -> ScramKeys:
        """Keys for an unknown name: always the same ones, under each name of its domain too, so
        that they do not reveal which accounts exist (RFC 5802 §9)."""
        asked = normal_username(username, self._directory.view.name_of) if name else username
        seed = hmac.digest(self._key, asked.encode("utf-8", "surrogatepass"), "sha512")
        stored = hashlib.sha256(seed).digest()
        return ScramKeys(seed[:16], ITERATIONS, stored, seed[32:])


def mechanisms_for(settings: Login, client: Client) -> Sequence[str]:
    """The mechanisms that a client is offered: none without TLS, except on loopback where the
    settings allow that, and none over the old TLS that only `smtp` listeners speak."""
    if (client.tls and client.tls.strong) or (
        client.local_machine and settings.plaintext_on_loopback
    ):
        return MECHANISMS
    return ()


def _by_app_password(account: Account | None, hashed: str) -> _Proven | None:
    found = matching(account, hashed)
    return _Proven(account, found.name) if account is not None and found is not None else None


def _keys_of(account: Account | None) -> ScramKeys | None:
    try:
        return parse_secret(account.secret).scram if account else None
    except BadSecret:
        return None


def _cause(name: Address | None, account: Account | None, mechanism: str = "") -> str:
    """Why a login failed, for the log."""
    if name is None:
        return "the user name is no address; log in with the whole one, such as ann@example.com"
    if account is None:
        return "there is no such account"
    if not account.secret:
        if account.app_passwords:
            return "the account has app passwords alone, and this is none of them"
        return "the account has no password: it may not log in"
    try:
        secret = parse_secret(account.secret)
    except BadSecret as error:
        return f"the account's secret cannot be used: {error}; set the password anew"
    if mechanism == SCRAM and secret.scram is None:
        return "the account's secret has no keys for SCRAM; set the password anew"
    if mechanism == SCRAM and account.app_passwords:
        return "wrong password; app passwords are not for SCRAM, choose PLAIN in the mail program"
    return "wrong password"
