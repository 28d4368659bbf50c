"""Tests with a login guard."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.model import LoginSettings
from mailhost.logins.authenticator import WRONG
from mailhost.logins.guard import LoginGuard
from mailhost.message.client import Client
from mailhost.message.status import Status
from tests.fakes import RecordingEvents

ANN = "ann@example.com"


DAY = 86_400.0


SETTINGS = LoginSettings(failures=5, failures_within=600.0, delay=0.0, account_failures=20)


class GuardCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.events = RecordingEvents()
        names = {"also.example": "example.com"}
        self.guard = LoginGuard(
            self.clock,
            SETTINGS,
            self.events,
            lambda name: name == ANN,
            lambda domain: names.get(domain, domain),
        )

    def begin(self, ip: str, username: str = ANN) -> Status | None:
        return self.successResultOf(Deferred.fromCoroutine(self.guard.begin(Client(ip), username)))

    def guess(self, ip: str, username: str = ANN, guessed: bool = True) -> Status | None:
        """An attempt with a wrong password; return the refusal where it was refused unseen."""
        refusal = self.begin(ip, username)
        if refusal is None:
            failed = self.guard.failed(Client(ip), username, WRONG, guessed)
            self.successResultOf(Deferred.fromCoroutine(failed))
        return refusal

    def succeed(self, ip: str, username: str = ANN) -> Status | None:
        refusal = self.begin(ip, username)
        if refusal is None:
            self.guard.succeeded(Client(ip), username)
        return refusal

    def attack(self, username: str = ANN) -> None:
        """From many addresses, none of which fails often."""
        for number in range(20):
            self.assertIsNone(self.guess(f"198.51.100.{number}", username))
