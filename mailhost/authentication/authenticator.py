"""Says who may log in, for every wire and mechanism.

The user name is the whole address: upper or lower case, and under any name of its domain. A bare
name is refused even where there is but one domain: it would stop working with the second.

Failures are told late, and counted for each client address, this machine's own included; beyond
the limit nothing is looked at any more until the oldest is out of the window. A password or an
account changed a moment ago elsewhere is looked for before anybody is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from zope.interface import implementer

from mailhost.authentication.failures import Failures
from mailhost.authentication.secret import ITERATIONS, BadSecret, parse_secret
from mailhost.authentication.verifier import InThread, TooBusy, Verifier
from mailhost.config.model import Login
from mailhost.events import LoggedIn, LoginRefused
from mailhost.interfaces import (
    DirectoryUnavailable,
    IAuthenticator,
    IDirectory,
    IEventSink,
    IReactor,
    ScramKeys,
)
from mailhost.message.accounts import Account
from mailhost.message.address import Address, BadAddress, parse_address
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.net.sasl.saslprep import BadText, saslprep

MECHANISMS = ("SCRAM-SHA-256", "PLAIN", "LOGIN")
SCRAM = "SCRAM-SHA-256"

WRONG = Status(535, "5.7.8", "Wrong user name or password")
NOT_NOW = Status(454, "4.7.0", "Passwords cannot be checked now; please try again later")
BUSY = NOT_NOW.because("too many passwords to check at once")
IN_THE_CLEAR = Status(538, "5.7.11", "No password in the clear here; use TLS")


@implementer(IAuthenticator)
class Authenticator:
    """`in_thread` is for tests; it defaults to the reactor's threads. Making one takes 50 ms."""

    def __init__(
        self,
        reactor: IReactor,
        directory: IDirectory,
        settings: Login,
        events: IEventSink,
        in_thread: InThread | None = None,
    ) -> None:
        self._clock = IReactorTime(reactor)
        self._directory = directory
        self._settings = settings
        self._events = events
        self._failures = Failures(self._clock, settings)
        self._verifier = Verifier(self._clock, in_thread or _threads_of(reactor))
        self._key = secrets.token_bytes(32)

    def replace_settings(self, settings: Login) -> None:
        """Use other settings from now on. Failures counted so far stay counted."""
        self._settings = self._failures.settings = settings

    def mechanisms(self, client: Client) -> Sequence[str]:
        """See IAuthenticator."""
        return mechanisms_for(self._settings, client)

    async def password(
        self, client: Client, username: str, password: str, mechanism: str
    ) -> Address | Status:
        """See IAuthenticator."""
        await self._failures.begin(client.ip)
        try:
            result = await self._judge(client, username, password)
            if isinstance(result, Account):
                return self._succeed(client, username, result, mechanism)
            delay = self._count(client, username, result)
        finally:
            self._failures.end(client.ip)
        if delay:
            await deferLater(self._clock, delay)
        return result

    async def scram_keys(self, client: Client, username: str) -> ScramKeys | Status:
        """See IAuthenticator."""
        refusal = self._at_the_door(client)
        if refusal is not None:
            return self._refuse(client, username, refusal)
        name = _parse(username)
        try:
            account = await self._newest(name)
        except DirectoryUnavailable as error:
            account = self._known(name)
            if account is None:
                return self._refuse(client, username, NOT_NOW.because(str(error)))
        return _keys_of(account) or self._made_up(name, username)

    async def scram_result(self, client: Client, username: str, proven: bool) -> Address | Status:
        """See IAuthenticator."""
        refusal = self._at_the_door(client)
        if refusal is not None:  # others failed while this exchange was under way
            return self._refuse(client, username, refusal)
        name = _parse(username)
        account = self._known(name)
        if not proven or account is None:
            status = WRONG.because(_cause(name, account, SCRAM))
            await deferLater(self._clock, self._count(client, username, status))
            return status
        return self._succeed(client, username, account, SCRAM)

    async def _judge(self, client: Client, username: str, password: str) -> Account | Status:
        refusal = self._at_the_door(client)
        if refusal is not None:
            return refusal
        try:
            account, cause = await self._proven(_parse(username), password)
        except DirectoryUnavailable as error:
            return NOT_NOW.because(str(error))
        except TooBusy:
            return BUSY
        return account or WRONG.because(cause)

    # --- before and after -----------------------------------------------------------------------

    def _at_the_door(self, client: Client) -> Status | None:
        """The refusal for a client whose password is not even looked at."""
        if not self.mechanisms(client):
            return IN_THE_CLEAR
        wait = self._failures.wait(client.ip)
        if not wait:
            return None
        minutes = int(wait // 60) + 1
        words = "Too many failed logins from your address; try again in"
        return Status(421, "4.7.0", f"{words} {minutes} minute{'s' if minutes > 1 else ''}")

    def _refuse(self, client: Client, username: str, status: Status) -> Status:
        count = self._failures.count(client.ip)
        self._events.tell(LoginRefused(client, username[:100], status, count))
        return status

    def _count(self, client: Client, username: str, status: Status) -> float:
        """Count a failure, tell it, and return the seconds before the client may hear of it.

        With the directory out of reach a guess counts too, though nobody can say it was wrong.
        """
        guessed = status.code in (WRONG.code, NOT_NOW.code) and status is not BUSY
        delay = self._failures.add(client.ip, _normal(username)) if guessed else 0.0
        self._refuse(client, username, status)
        return delay

    def _succeed(self, client: Client, username: str, account: Account, mechanism: str) -> Address:
        self._failures.forgive(client.ip, _normal(username))
        self._events.tell(LoggedIn(client, account.address, mechanism))
        return account.address

    # --- who it is ------------------------------------------------------------------------------

    async def _proven(self, name: Address | None, password: str) -> tuple[Account | None, str]:
        """The account that the password proves, or None and why."""
        account = self._known(name)
        if account is None:
            account = await self._newest(name)
        if await self._matches(account, password):
            return account, ""
        newest = await self._newest(name)
        if newest is None or account is None or newest.secret == account.secret:
            return None, _cause(name, newest)
        proven = await self._matches(newest, password)
        return (newest, "") if proven else (None, _cause(name, newest))

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
        """Keys for who is unknown: always the same ones, so that nobody learns who exists."""
        shown = f"{name.key}@{name.domain}" if name else username
        seed = hmac.digest(self._key, shown.encode("utf-8", "surrogatepass"), "sha512")
        stored = hashlib.sha256(seed).digest()
        return ScramKeys(seed[:16], ITERATIONS, stored, seed[32:])


def mechanisms_for(settings: Login, client: Client) -> Sequence[str]:
    """None without TLS, loopback excepted where the settings say so; nor over the old TLS that is
    spoken on port 25 alone."""
    if (client.tls and client.tls.strong) or (
        client.local_machine and settings.plaintext_on_loopback
    ):
        return MECHANISMS
    return ()


def _parse(username: str) -> Address | None:
    """The address that a user name is, None for what is none."""
    try:
        return parse_address(saslprep(username))
    except (BadAddress, BadText):
        return None


def _normal(username: str) -> str:
    """What a user name is counted under."""
    name = _parse(username)
    return f"{name.key}@{name.domain}" if name else username[:100]


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
        return "the account has no password: it may not log in"
    try:
        secret = parse_secret(account.secret)
    except BadSecret as error:
        return f"the account's secret cannot be used: {error}; set the password anew"
    if mechanism == SCRAM and secret.scram is None:
        return "the account's secret has no keys for SCRAM; set the password anew"
    return "wrong password"


def _threads_of(reactor: IReactor) -> InThread:
    def in_thread(work: Callable[[], bool]) -> Deferred[bool]:
        return deferToThreadPool(reactor, reactor.getThreadPool(), work)

    return in_thread
