"""Tests with an authenticator, and the fakes that it uses."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailhost.config.model import LoginSettings
from mailhost.interfaces.accounts import Account, DirectoryView, Domain
from mailhost.interfaces.directory import DirectoryUnavailable, IDirectory
from mailhost.interfaces.events import Event, IEventSink, LoginRefused
from mailhost.logins.authenticator import Authenticator
from mailhost.logins.guard import LoginGuard
from mailhost.logins.stored_secret import hash_password
from mailhost.message.address import Address
from mailhost.message.client import Client, TLSState
from mailhost.message.status import Status

T = TypeVar("T")


SECRET = hash_password("right")


OTHER = hash_password("other")


ARGON2, SCRAM = SECRET.split()
ANN = Address("Ann", "example.com")


TLS = TLSState("TLSv1.3", "TLS_AES_256_GCM_SHA384")


CLIENT = Client("192.0.2.1", 4711, "submission", tls=TLS)


SETTINGS = LoginSettings(failures=3, failures_within=600.0, delay=1.0)


def view_of(**secrets: str) -> DirectoryView:
    accounts = {
        name.lower(): Account(Address(name, "example.com"), secret)
        for name, secret in secrets.items()
    }
    domain = Domain("example.com", accounts)
    return DirectoryView({"example.com": domain}, {"example.org": "example.com"})


@implementer(IDirectory)
class Directory:
    """`newest` is what a refresh finds; None is an outage."""

    def __init__(self) -> None:
        self.view = view_of(Ann=SECRET, bob=OTHER, mute="", broken="junk", plain=ARGON2)
        self.newest: DirectoryView | None = self.view

    async def refresh(self) -> DirectoryView:
        if self.newest is None:
            raise DirectoryUnavailable("held by another process")
        self.view = self.newest
        return self.view


@implementer(IEventSink)
class Events:
    def __init__(self) -> None:
        self.told: list[Event] = []

    def emit(self, event: Event) -> None:
        self.told.append(event)


class Threads:
    """Runs work at once, or later; counts it."""

    def __init__(self) -> None:
        self.count = 0
        self.held: list[Callable[[], object]] | None = None

    def __call__(self, work: Callable[[], T], /) -> Deferred[T]:
        self.count += 1
        if self.held is None:
            return maybeDeferred(work)
        result: Deferred[T] = Deferred()
        self.held.append(lambda: maybeDeferred(work).chainDeferred(result))
        return result


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.directory = Directory()
        self.events = Events()
        self.threads = Threads()
        self.guard = LoginGuard(self.clock, SETTINGS, self.events, lambda name: True)
        self.authenticator = Authenticator(
            cast("Any", self.clock),
            self.directory,
            SETTINGS,
            self.events,
            self.guard,
            self.threads,
        )

    def begin(
        self, password: str, username: str = "ann@example.com", client: Client = CLIENT
    ) -> Deferred[Address | Status]:
        return _start(self.authenticator.password(client, username, password, "PLAIN"))

    def login(
        self, password: str, username: str = "ann@example.com", client: Client = CLIENT
    ) -> Address | Status:
        return self.finish(self.begin(password, username, client))

    def finish(self, waiting: Deferred[T]) -> T:
        self.clock.advance(60)
        self.clock.advance(-60)
        return self.successResultOf(waiting)

    def assertCode(self, code: int, answer: object) -> None:
        assert isinstance(answer, Status), answer
        self.assertEqual(answer.code, code)

    @property
    def causes(self) -> list[str]:
        refused = [event for event in self.events.told if isinstance(event, LoginRefused)]
        return [event.status.cause for event in refused]


def _start(coroutine: Coroutine[Deferred[Any], Any, T]) -> Deferred[T]:
    return Deferred.fromCoroutine(coroutine)
