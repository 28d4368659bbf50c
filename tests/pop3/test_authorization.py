"""Logins by USER and PASS, and by AUTH."""

from __future__ import annotations

import base64

from tests.pop3.session_case import SessionCase


class LoginTests(SessionCase):
    def test_user_and_pass(self) -> None:
        self.log_in()

    def test_wrong_passwords_are_refused_and_may_be_repeated(self) -> None:
        self.assertIn("-ERR [AUTH] ", self.say("USER ann@example.com", "PASS wrong"))
        self.log_in()

    def test_auth_plain_with_and_without_initial_response(self) -> None:
        response = base64.b64encode(b"\0ann@example.com\0secret").decode()
        self.assertIn("+OK 3 messages", self.say(f"AUTH PLAIN {response}"))
        self.session.lost("")
        self.talk()
        self.assertEqual("+ \r\n", self.say("AUTH plain"))
        self.assertIn("+OK 3 messages", self.say(response))

    def test_auth_that_goes_wrong(self) -> None:
        for lines, text in (
            (["AUTH PLAIN", "*"], "-ERR Login cancelled"),
            (["AUTH PLAIN", "!!"], "-ERR That is not base64"),
            (["AUTH NTLM"], "-ERR Mechanism not offered"),
            (["PASS secret"], "-ERR Say USER first"),
            (["USER"], "-ERR USER takes a name"),
        ):
            self.assertIn(text, self.say(*lines), lines)
        self.log_in()

    def test_nothing_in_the_clear(self) -> None:
        self.talk(tls=False)
        for line in ("USER ann@example.com", "AUTH PLAIN AGEAYg=="):
            self.assertIn("-ERR No password in the clear here", self.say(line))
        capabilities = self.say("CAPA")
        self.assertIn("STLS\r\n", capabilities)
        self.assertNotIn("SASL", capabilities)
        self.assertNotIn("\r\nUSER", capabilities)
