"""Decides which clients may log in, for all protocols and mechanisms.

The user name is the whole address, in upper or lower case, and with any alias of its domain. A name
without a domain is refused even if the host has only one domain, because such logins would fail as
soon as a second domain is added.

The guard counts failures and delays their replies; beyond its limits no password is checked. Before
a login is refused, the directory is asked for changes that other processes made.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mailhost.concurrency.threads import InThread, threads_of
from mailhost.config.model import LoginSettings
from mailhost.interfaces.accounts import Account, DirectoryView
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
WRONG_BY_SCRAM = replace(WRONG, text=f"{WRONG.text} (app passwords need PLAIN or LOGIN)")
NOT_NOW = Status(454, "4.7.0", "Passwords cannot be checked now; please try again later")
BUSY = NOT_NOW.because("too many passwords to check at once")
TLS_NEEDED = Status(538, "5.7.11", "No login without encryption; use TLS")
_SCRAM_ITERATIONS = re.compile(r"SCRAM-SHA-256\$([0-9]{1,8}):")


@dataclass(frozen=True, slots=True)
class _Proven:
    """The account that a password proves, and the name of the app password that it is."""

    account: Account
    app_password: str = ""


def _note_nothing(account: Address, name: str) -> None:
    """Do not record logins."""


@implementer(IAuthenticator)
class Authenticator:
    """`in_thread` is for tests; it defaults to the reactor's threads. `logged_in` is called
    with the account at each login, and with the name of the app password that was used, which is
    empty for the account's own password. The constructor blocks for 50 ms."""

    def __init__(
        self,
        reactor: IReactor,
        directory: IDirectory,
        settings: LoginSettings,
        events: IEventSink,
        guard: LoginGuard,
        in_thread: InThread | None = None,
        logged_in: Callable[[Address, str], None] = _note_nothing,
    ) -> None:
        self._logged_in = logged_in
        self._directory = directory
        self._settings = settings
        self._events = events
        self._guard = guard
        self._verifier = Verifier(IReactorTime(reactor), in_thread or threads_of(reactor))
        self._key = secrets.token_bytes(32)
        self._counts_of: tuple[DirectoryView | None, Sequence[int]] = (None, ())

    def reconfigure(self, settings: LoginSettings) -> None:
        """Use other settings from now on."""
        self._settings = settings

    def use_key(self, key: bytes) -> None:
        """Derive the SCRAM salts of unknown names from this key, which stays the same after a
        restart."""
        self._key = key

    def mechanisms(self, client: Client) -> Sequence[str]:
        """See IAuthenticator."""
        return mechanisms_for(self._settings, client)

    async def password(
        self, client: Client, username: str, password: str, mechanism: str
    ) -> Address | Status:
        """See IAuthenticator."""
        if not self.mechanisms(client):
            return self._guard.refuse(client, username, TLS_NEEDED, mechanism)
        refusal = await self._guard.begin(client, username, mechanism)
        if refusal is not None:
            return refusal
        try:
            result = await self._check(username, password)
        except Exception:
            self._guard.undecided(client, username)
            raise
        if isinstance(result, _Proven):
            self._guard.succeeded(client, username)
            return self._log_success(client, result.account, mechanism, result.app_password)
        # a guess counts although the directory cannot be read and the password was not checked
        await self._guard.failed(client, username, result, result is not BUSY, mechanism)
        return result

    async def scram_keys(self, client: Client, username: str) -> ScramKeys | Status:
        """See IAuthenticator."""
        refusal = self._refusal_of_attempt(client, username)
        if refusal is not None:
            return refusal
        name = parse_username(username)
        try:
            account = await self._newest(name)
        except DirectoryUnavailable as error:
            account = self._known(name)
            if account is None:
                return self._guard.refuse(client, username, NOT_NOW.because(str(error)), SCRAM)
        return _keys_of(account) or self._made_up(name, username)

    async def scram_result(self, client: Client, username: str, proven: bool) -> Address | Status:
        """See IAuthenticator."""
        refusal = self._refusal_of_attempt(client, username)
        if refusal is not None:  # other attempts failed during this exchange
            return refusal
        name = parse_username(username)
        account = self._known(name)
        if not proven or account is None:
            status = WRONG_BY_SCRAM.because(_cause(name, account, SCRAM))
            await self._guard.wait(self._guard.count(client, username, status, mechanism=SCRAM))
            return status
        self._guard.forgive(client, username)
        return self._log_success(client, account, SCRAM)

    async def _check(self, username: str, password: str) -> _Proven | Status:
        try:
            proven, cause = await self._proven(parse_username(username), password)
        except DirectoryUnavailable as error:
            return NOT_NOW.because(str(error))
        except TooBusy:
            return BUSY
        return proven or WRONG.because(cause)

    def _refusal_of_attempt(self, client: Client, username: str) -> Status | None:
        """Return the refusal for a client that may not try SCRAM now, None for others."""
        if not self.mechanisms(client):
            return self._guard.refuse(client, username, TLS_NEEDED, SCRAM)
        return self._guard.refusal(client, username, SCRAM)

    def _log_success(
        self, client: Client, account: Account, mechanism: str, app_password: str = ""
    ) -> Address:
        self._logged_in(account.address, app_password)
        self._events.emit(LoggedIn(client, account.address, mechanism, app_password))
        return account.address

    # --- the account behind a user name ---------------------------------------------------------

    async def _proven(self, name: Address | None, password: str) -> tuple[_Proven | None, str]:
        """Return the account that has this password, or None and the reason.

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
            return False  # `_cause` gives this as the cause

    def _known(self, name: Address | None) -> Account | None:
        return self._directory.view.account(name) if name else None

    async def _newest(self, name: Address | None) -> Account | None:
        view = await self._directory.refresh()
        return view.account(name) if name else None

    def _made_up(self, name: Address | None, username: str) -> ScramKeys:
        """Return keys for an unknown name. They are always the same for this name, also with an
        alias of its domain, so that they do not reveal which accounts exist (RFC 5802 §9)."""
        asked = normal_username(username, self._directory.view.name_of) if name else username
        seed = hmac.digest(self._key, asked.encode("utf-8", "surrogatepass"), "sha512")
        stored = hashlib.sha256(seed).digest()
        counts = self._iterations()
        return ScramKeys(seed[:16], counts[seed[-1] % len(counts)], stored, seed[32:])

    def _iterations(self) -> Sequence[int]:
        """Return the numbers of iterations that accounts have: passwords that older versions hashed
        have others, and made-up keys must not differ from these."""
        view, counts = self._counts_of
        if view is not self._directory.view:
            view = self._directory.view
            found = {
                int(match[1])
                for account in view.accounts()
                if (match := _SCRAM_ITERATIONS.search(account.secret))
            }
            counts = sorted(found) or [ITERATIONS]
            self._counts_of = view, counts
        return counts


def mechanisms_for(settings: LoginSettings, client: Client) -> Sequence[str]:
    """Return the mechanisms to offer to a client. Without TLS there are none, except on loopback if
    the settings allow that. Over the old TLS that only `smtp` listeners accept there are none."""
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
    """Return why a login failed, for the log."""
    if name is None:
        return "the user name is no address; log in with the whole address, such as ann@example.com"
    if account is None:
        return "there is no such account"
    if not account.secret:
        if account.app_passwords:
            return "the account has app passwords alone, and this is none of them"
        return "the account has no password, so nobody can log in to it"
    try:
        secret = parse_secret(account.secret)
    except BadSecret as error:
        return f"the account's secret cannot be used: {error}; set the password again"
    if mechanism == SCRAM and secret.scram is None:
        return "the account's secret has no keys for SCRAM; set the password again"
    if mechanism == SCRAM and account.app_passwords:
        return "wrong password; app passwords are not for SCRAM, choose PLAIN in the mail program"
    return "wrong password"
