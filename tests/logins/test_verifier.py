"""Verifying passwords in threads."""

from __future__ import annotations

from dataclasses import replace

from mailhost.logins import verifier
from tests.logins.authenticating import (
    ANN,
    CLIENT,
    OTHER,
    Case,
    view_of,
)


class Remembered(Case):
    def test_the_second_time_costs_nothing(self) -> None:
        for _ in range(10):
            self.assertEqual(self.login("right"), ANN)
        self.assertEqual(self.threads.count, 1)

    def test_for_five_minutes(self) -> None:
        self.login("right")
        self.clock.advance(301)
        self.login("right")
        self.assertEqual(self.threads.count, 2)

    def test_a_changed_password_is_forgotten_at_once(self) -> None:
        self.login("right")
        self.directory.view = self.directory.newest = view_of(Ann=OTHER)
        self.assertCode(535, self.login("right"))

    def test_a_wrong_password_is_never_remembered(self) -> None:
        self.login("wrong")
        count = self.threads.count
        self.login("wrong")
        self.assertEqual(self.threads.count, 2 * count)

    def test_it_is_bounded(self) -> None:
        self.patch(verifier, "MOST_REMEMBERED", 1)
        self.login("right")
        self.login("other", "bob@example.com")
        self.login("right")
        self.assertEqual(self.threads.count, 3)


class Busy(Case):
    def test_few_hash_at_once_and_few_wait(self) -> None:
        self.patch(verifier, "MOST_WAITING", 3)
        self.threads.held = []
        clients = [replace(CLIENT, ip=f"192.0.2.{number}") for number in range(7)]
        waiting = [self.begin("right", client=client) for client in clients]
        self.assertEqual(len(self.threads.held), verifier.MOST_AT_ONCE)
        for one in waiting[5:]:
            self.assertCode(454, self.successResultOf(one))
        while self.threads.held:
            self.threads.held.pop()()
        for one in waiting[:5]:
            self.assertEqual(self.successResultOf(one), ANN)
