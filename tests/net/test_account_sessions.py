"""Sessions by account: which are ended, and which logins are refused."""

from __future__ import annotations

from unittest import TestCase

from mailhost.net.account_sessions import AccountSessions
from tests.fakes import address

ANN, BOB = address("Ann@example.com"), address("bob@example.com")


class AccountSessionsTests(TestCase):
    def setUp(self) -> None:
        self.sessions = AccountSessions()
        self.ended: list[str] = []

    def end_of(self, name: str) -> None:
        self.ended.append(name)

    def test_all_sessions_of_the_account_end(self) -> None:
        for name, account in (("one", ANN), ("two", ANN), ("other", BOB)):
            self.sessions.add(account, lambda name=name: self.end_of(name), 0)  # type: ignore[misc]
        self.sessions.end([address("ann@example.com")])
        self.assertEqual(["one", "two"], self.ended)

    def test_a_session_that_is_gone_is_not_ended(self) -> None:
        end = self.ended.clear
        self.sessions.add(ANN, end, 0)
        self.sessions.remove(ANN, end)
        self.sessions.remove(ANN, end)
        self.ended.append("kept")
        self.sessions.end([ANN])
        self.assertEqual(["kept"], self.ended)

    def test_a_session_may_be_removed_while_sessions_end(self) -> None:
        def end() -> None:
            self.sessions.remove(ANN, end)
            self.end_of("one")

        self.sessions.add(ANN, end, 0)
        self.sessions.end([ANN])
        self.assertEqual(["one"], self.ended)

    def test_a_login_that_began_before_the_revocation_is_refused(self) -> None:
        mark = self.sessions.mark
        self.sessions.end([ANN])
        self.assertFalse(self.sessions.add(ANN, self.ended.clear, mark))
        self.assertTrue(self.sessions.add(BOB, self.ended.clear, mark))
        self.assertTrue(self.sessions.add(ANN, self.ended.clear, self.sessions.mark))
