"""LOGIN, server side."""

from __future__ import annotations

from mailhost.interfaces.logins import Challenge
from tests.net.sasl.fakes import ANN, MechanismCase, step


class Login(MechanismCase):
    def test_asks_for_both(self) -> None:
        mechanism = self.begin("LOGIN")
        self.assertEqual(step(mechanism, None), Challenge(b"Username:"))
        self.assertEqual(step(mechanism, b"ann@example.com"), Challenge(b"Password:"))
        self.assertEqual(step(mechanism, b"pass word"), ANN)

    def test_the_name_as_initial_response(self) -> None:
        mechanism = self.begin("LOGIN")
        self.assertEqual(step(mechanism, b"ann@example.com"), Challenge(b"Password:"))
        self.assertCode(535, step(mechanism, b"wrong"))

    def test_malformed(self) -> None:
        self.assertCode(501, step(self.begin("LOGIN"), b""))
        self.assertCode(501, step(self.begin("LOGIN"), b"\xff"))
        mechanism = self.begin("LOGIN")
        step(mechanism, b"ann@example.com")
        self.assertCode(501, step(mechanism, b"a\0b"))
