"""PLAIN, server side."""

from __future__ import annotations

from mailhost.interfaces.logins import Challenge
from tests.net.sasl.fakes import ANN, MechanismCase, step


class Plain(MechanismCase):
    def test_with_an_initial_response(self) -> None:
        answer = step(self.begin("PLAIN"), b"\0ann@example.com\0pass word")
        self.assertEqual(answer, ANN)
        self.assertEqual(self.authenticator.asked, [("ann@example.com", "pass word", "PLAIN")])

    def test_without_one(self) -> None:
        mechanism = self.begin("PLAIN")
        self.assertEqual(step(mechanism, None), Challenge(b""))
        self.assertEqual(step(mechanism, b"\0ann@example.com\0pass word"), ANN)

    def test_a_wrong_password(self) -> None:
        self.assertCode(535, step(self.begin("PLAIN"), b"\0ann@example.com\0wrong"))

    def test_as_oneself(self) -> None:
        for authzid in (b"ann@example.com", b"ANN@Example.COM"):
            response = authzid + b"\0ann@example.com\0pass word"
            self.assertEqual(step(self.begin("PLAIN"), response), ANN)

    def test_as_somebody_else(self) -> None:
        response = b"bob@example.com\0ann@example.com\0pass word"
        self.assertCode(535, step(self.begin("PLAIN"), response))
        self.assertEqual(self.authenticator.asked, [])

    def test_malformed(self) -> None:
        for response in (
            b"",
            b"ann",
            b"\0ann",
            b"\0ann\0b\0c",
            b"\0\0pass",
            b"\0ann\0",
            b"\0ann\0\xff",
            b"\0ann\0" + b"x" * 10_000,
        ):
            self.assertCode(501, step(self.begin("PLAIN"), response))
        self.assertEqual(self.authenticator.asked, [])
