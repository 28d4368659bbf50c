"""Counts failed logins and delays their replies, for all listeners, mechanisms and processes.

Our own authenticator and the proxy ask the guard before each attempt, and report the result to it.
The guard logs refusals; a user name that may be a password is not logged (see `loggable_names`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from ipaddress import ip_address

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from zope.interface import implementer

from mailhost.config.model import LoginSettings
from mailhost.interfaces.events import IEventSink, LoginRefused
from mailhost.interfaces.logins import ILoginGuard
from mailhost.logins.attacked import AttackedAccounts
from mailhost.logins.failures import Block, Failures
from mailhost.message.address import Address, BadAddress, parse_address
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.net.limits import client_key
from mailhost.net.sasl.saslprep import BadText, saslprep

TOO_MANY_GUESSES = Status(
    454,
    "4.7.0",
    "Too many failed logins to this account; try again tomorrow, or from an address used before",
    "the account is attacked, and this address did not log in to it recently",
)


@implementer(ILoginGuard)
class LoginGuard:
    """`may_show` decides whether a user name, in its normal form, may be logged. `domain_of` gives
    the domain of a domain alias, so that an account counts once for all its names."""

    def __init__(
        self,
        clock: IReactorTime,
        settings: LoginSettings,
        events: IEventSink,
        may_show: Callable[[str], bool],
        domain_of: Callable[[str], str] = str,
    ) -> None:
        self._clock = clock
        self._events = events
        self._may_show = may_show
        self._normal = partial(normal_username, domain_of=domain_of)
        self._failures = Failures(clock, settings)
        self._attacked = AttackedAccounts(clock, settings)

    def reconfigure(self, settings: LoginSettings) -> None:
        """Use other settings from now on. Failures counted so far stay counted."""
        self._failures.settings = self._attacked.settings = settings

    # --- ILoginGuard -----------------------------------------------------------------------------

    async def begin(self, client: Client, username: str, mechanism: str = "") -> Status | None:
        name = self._normal(username)
        await self._failures.begin(client.ip, name)
        refusal = self.refusal(client, username, mechanism)
        if refusal is not None:
            self._failures.end(client.ip, name)
        return refusal

    async def failed(
        self,
        client: Client,
        username: str,
        status: Status,
        guessed: bool = True,
        mechanism: str = "",
    ) -> None:
        delay = self.count(client, username, status, guessed, mechanism)
        self.undecided(client, username)
        await self.wait(delay)

    def succeeded(self, client: Client, username: str) -> None:
        self.forgive(client, username)
        self.undecided(client, username)

    def undecided(self, client: Client, username: str) -> None:
        self._failures.end(client.ip, self._normal(username))

    # --- for attempts without `begin` ------------------------------------------------------------

    def refusal(self, client: Client, username: str, mechanism: str = "") -> Status | None:
        """Return the refusal for a client that may not try to log in now, and log it; None for
        others."""
        status = self.why_refused(client, username)
        return None if status is None else self.refuse(client, username, status, mechanism)

    def why_refused(self, client: Client, username: str) -> Status | None:
        """Return what `refusal` returns, without a line in the log."""
        name = self._normal(username)
        seconds = self._failures.wait(client.ip, name)
        if seconds:
            return _wait_for(seconds)
        return TOO_MANY_GUESSES if self._refused_as_stranger(client, name) else None

    def _refused_as_stranger(self, client: Client, name: str) -> bool:
        return bool(name) and self._attacked.refuses(client.ip, name)

    def refuse(self, client: Client, username: str, status: Status, mechanism: str = "") -> Status:
        """Log a refusal, and return it."""
        name = self._normal(username)
        count = self._failures.count(client.ip, name)
        known = self._attacked.has_logged_in(name) or self._may_show(name)
        shown = username[:100] if known else ""
        self._events.emit(LoginRefused(client, shown, status, count, mechanism))
        return status

    def count(
        self,
        client: Client,
        username: str,
        status: Status,
        guessed: bool = True,
        mechanism: str = "",
    ) -> float:
        """Log a failure, count it if `guessed`, and return the seconds before the reply to the
        client may be sent."""
        name = self._normal(username)
        delay = self._failures.add(client.ip, name) if guessed else 0.0
        if guessed and name:
            self._attacked.failed(client.ip, name)
        self.refuse(client, username, status, mechanism)
        return delay

    def forgive(self, client: Client, username: str) -> None:
        """A login with this user name succeeded: remove its failures."""
        name = self._normal(username)
        self._failures.forgive(client.ip, name)
        self._attacked.succeeded(client.ip, name)

    async def wait(self, seconds: float) -> None:
        """Wait for some seconds."""
        if seconds:
            await deferLater(self._clock, seconds)

    # --- for the operator ------------------------------------------------------------------------

    def blocked(self) -> list[Block]:
        """Return the clients and accounts whose logins are refused at the moment."""
        return [*self._failures.blocked(), *self._attacked.blocked()]

    def unblock(self, what: str) -> bool:
        """Remove the failures of a client, or those at an account. Returns False if there were
        none. A client is an IP address, or the IPv6 network that `blocked` shows."""
        try:
            wanted = {"client": client_key(str(ip_address(what.removesuffix("/64"))))}
        except ValueError:
            wanted = {"username": self._normal(what)}
        lifted = self._failures.lift(**wanted)
        return self._attacked.lift(**wanted) or lifted

    def end_all(self) -> None:
        """A process ended: its attempts will have no result."""
        self._failures.end_all()


def _wait_for(seconds: float) -> Status:
    minutes = int(seconds // 60) + 1
    text = "Too many failed logins from your address; try again in"
    return Status(421, "4.7.0", f"{text} {minutes} minute{'s' if minutes > 1 else ''}")


def parse_username(username: str) -> Address | None:
    """Return the user name as an address, None if it is no address."""
    try:
        return parse_address(saslprep(username))
    except (BadAddress, BadText):
        return None


def normal_username(username: str, domain_of: Callable[[str], str] = str) -> str:
    """Return the form of a user name under which its failures are counted. A name without a domain
    is counted in lower case, since servers behind a proxy may accept it in any case."""
    name = parse_username(username)
    return f"{name.key}@{domain_of(name.domain)}" if name else username.strip().lower()[:100]
