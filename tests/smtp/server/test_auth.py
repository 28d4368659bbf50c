"""AUTH (RFC 4954): base64 lines, one login a session, no password without TLS."""

from __future__ import annotations

from base64 import b64decode, b64encode

from twisted.internet.defer import Deferred

from mailhost.message.status import Status
from mailhost.net.sasl.client import ClientExchange, LoginClient, PlainClient, ScramSha256Client
from mailhost.smtp.server.options import SessionOptions
from tests.smtp.fakes import ANN, TERMS, TLS, FakeAuthenticator, Talk, TalkCase, codes

PLAIN = b64encode(b"\0ann@example.com\0secret").decode()
WRONG_PLAIN = b64encode(b"\0ann@example.com\0wrong").decode()
NAME = b64encode(b"ann@example.com").decode()
PASSWORD = b64encode(b"secret").decode()


class AuthCase(TalkCase):
    def setUp(self) -> None:
        self.authenticator = FakeAuthenticator()
        self.talk = self.secure_talk()

    def secure_talk(self, options: SessionOptions = TERMS) -> Talk:
        return self.new_talk(options, authenticator=self.authenticator, tls=TLS)

    def logged_in(self, talk: Talk) -> bool:
        """True where the reception sees an account at MAIL."""
        self.assertEqual(talk.lines("MAIL FROM:<>", "RSET"), ["250 2.1.0", "250 2.0.0"])
        return talk.reception.clients[-1].account == ANN


class LoginTests(AuthCase):
    def test_mechanisms_are_offered(self) -> None:
        self.assertIn(b"250-AUTH SCRAM-SHA-256 PLAIN LOGIN\r\n", self.talk.say(b"EHLO x\r\n"))

    def test_plain_with_initial_response(self) -> None:
        self.assertEqual(self.talk.lines(f"AUTH PLAIN {PLAIN}"), ["235 2.7.0"])
        self.assertTrue(self.logged_in(self.talk))

    def test_plain_when_asked(self) -> None:
        self.assertEqual(self.talk.say(b"auth plain\r\n"), b"334 \r\n")
        self.assertEqual(self.talk.lines(PLAIN), ["235 2.7.0"])

    def test_login(self) -> None:
        self.assertEqual(self.talk.say(b"AUTH LOGIN\r\n"), b"334 VXNlcm5hbWU6\r\n")
        self.assertEqual(self.talk.say(f"{NAME}\r\n".encode()), b"334 UGFzc3dvcmQ6\r\n")
        self.assertEqual(self.talk.lines(PASSWORD), ["235 2.7.0"])
        self.assertTrue(self.logged_in(self.talk))

    def test_login_with_the_name_at_once(self) -> None:
        self.assertEqual(self.talk.lines(f"AUTH LOGIN {NAME}", PASSWORD), ["334", "235 2.7.0"])

    def test_our_own_client_logs_in_by_every_mechanism(self) -> None:
        for make in (PlainClient, LoginClient, ScramSha256Client):
            talk = self.secure_talk()
            self.assertEqual(self._log_in(talk, make("ann@example.com", "secret")), "235 2.7.0")
            self.assertTrue(self.logged_in(talk))
            refused = self.secure_talk()
            self.assertEqual(self._log_in(refused, make("ann@example.com", "wrong")), "535 5.7.8")
            self.assertFalse(self.logged_in(refused))

    def _log_in(self, talk: Talk, exchange: ClientExchange) -> str:
        initial = exchange.initial()
        text = "" if initial is None else f" {b64encode(initial).decode()}"
        reply = talk.say(f"AUTH {exchange.name}{text}\r\n".encode())
        while reply.startswith(b"334 "):
            response = exchange.respond(b64decode(reply[4:]))
            reply = talk.say(b64encode(response) + b"\r\n")
        return codes(reply)[0]

    def test_wrong_password(self) -> None:
        said = self.talk.lines(f"AUTH PLAIN {WRONG_PLAIN}", f"AUTH PLAIN {PLAIN}")
        self.assertEqual(said, ["535 5.7.8", "235 2.7.0"])

    def test_guessing_ends_the_session(self) -> None:
        talk = self.secure_talk(SessionOptions("mx", 1000, errors=3))
        said = talk.lines(*[f"AUTH PLAIN {WRONG_PLAIN}"] * 5)
        self.assertEqual(said, ["535 5.7.8"] * 3 + ["421 4.7.0"])

    def test_sent_away(self) -> None:
        self.authenticator.refusal = Status(421, "4.7.0", "Too many failed logins")
        self.assertEqual(self.talk.lines(f"AUTH PLAIN {WRONG_PLAIN}", "NOOP"), ["421 4.7.0"])
        self.assertTrue(self.talk.wire.hung_up)

    def test_pipelined_lines_wait_for_their_challenge(self) -> None:
        self.authenticator.slow = Deferred()
        self.talk.say(f"AUTH LOGIN\r\n{NAME}\r\n{PASSWORD}\r\nMAIL FROM:<>\r\n".encode())
        self.assertNotIn("transaction", self.talk.reception.questions)
        self.authenticator.slow.callback(None)
        self.assertEqual(codes(self.talk.wire.take()), ["235 2.7.0", "250 2.1.0"])


class RefusedLoginTests(AuthCase):
    def test_no_password_in_the_clear(self) -> None:
        talk = self.new_talk(authenticator=self.authenticator)
        self.assertNotIn(b"AUTH", talk.say(b"EHLO x\r\n"))
        said = talk.lines(f"AUTH PLAIN {PLAIN}", "AUTH LOGIN", "AUTH SCRAM-SHA-256")
        self.assertEqual(said, ["538 5.7.11"] * 3)
        self.assertEqual(self.authenticator.asked, [])

    def test_in_the_clear_where_the_authenticator_says_so(self) -> None:
        talk = self.new_talk(authenticator=FakeAuthenticator(in_the_clear=True))
        self.assertIn(b"AUTH SCRAM-SHA-256", talk.say(b"EHLO x\r\n"))
        self.assertEqual(talk.lines(f"AUTH PLAIN {PLAIN}"), ["235 2.7.0"])

    def test_no_authenticator(self) -> None:
        talk = self.new_talk(tls=TLS)
        self.assertNotIn(b"AUTH", talk.say(b"EHLO x\r\n"))
        self.assertEqual(talk.lines(f"AUTH PLAIN {PLAIN}"), ["502 5.5.1"])

    def test_twice(self) -> None:
        said = self.talk.lines(f"AUTH PLAIN {PLAIN}", f"AUTH PLAIN {PLAIN}", "NOOP")
        self.assertEqual(said, ["235 2.7.0", "503 5.5.1", "250 2.0.0"])
        self.assertEqual(len(self.authenticator.asked), 1)

    def test_inside_a_transaction(self) -> None:
        said = self.talk.lines("MAIL FROM:<>", f"AUTH PLAIN {PLAIN}", "RCPT TO:<b@example.com>")
        self.assertEqual(said, ["250 2.1.0", "503 5.5.1", "250 2.0.0"])

    def test_before_hello(self) -> None:
        talk = self.new_talk(hello=False, authenticator=self.authenticator, tls=TLS)
        self.assertEqual(talk.lines(f"AUTH PLAIN {PLAIN}"), ["503 5.5.1"])

    def test_unknown_mechanism(self) -> None:
        said = self.talk.lines("AUTH CRAM-MD5", "AUTH \u00fc", "AUTH", "AUTH ", "NOOP")
        self.assertEqual(said, ["504 5.5.4"] * 2 + ["501 5.5.4"] * 2 + ["250 2.0.0"])

    def test_cancelled(self) -> None:
        for first in (["AUTH PLAIN"], ["AUTH LOGIN"], ["AUTH LOGIN", NAME]):
            self.assertEqual(self.talk.lines(*first, "*", "NOOP")[-2:], ["501 5.7.0", "250 2.0.0"])
        self.assertEqual(self.authenticator.asked, [])

    def test_empty_responses(self) -> None:
        reply = self.talk.say(b"AUTH PLAIN =\r\n")
        self.assertEqual(reply, b"501 5.5.2 Malformed response for this mechanism\r\n")
        self.assertEqual(self.talk.lines("AUTH PLAIN", ""), ["334", "501 5.5.2"])
        self.assertEqual(self.talk.lines("AUTH LOGIN", "", "NOOP")[1:], ["501 5.5.2", "250 2.0.0"])

    def test_bad_base64(self) -> None:
        for text in ("!", "AA=A", "AAA", "=", "A A", "\u00fc", PLAIN + "\0"):
            with self.subTest(text):
                talk = self.secure_talk()
                self.assertEqual(talk.lines("AUTH PLAIN", text)[-1][:2], "50")
                self.assertEqual(talk.lines("NOOP"), ["250 2.0.0"])
                self.assertFalse(self.logged_in(talk))
        self.assertEqual(self.talk.lines("AUTH PLAIN !"), ["501 5.5.2"])

    def test_too_long(self) -> None:
        said = self.talk.lines("AUTH PLAIN", "A" * 12_400, "NOOP")
        self.assertEqual(said, ["334", "500 5.5.2", "250 2.0.0"])
        self.assertEqual(self.talk.lines("AUTH PLAIN", "A" * 12_000)[-1], "501 5.5.2")

    def test_a_bare_line_feed_ends_the_login(self) -> None:
        self.talk.lines("AUTH PLAIN")
        self.assertEqual(codes(self.talk.say(PLAIN.encode() + b"\n")), ["500 5.5.2"])
        self.assertFalse(self.logged_in(self.talk))

    def test_passwords_are_not_logged(self) -> None:
        """Clients that ignore replies send passwords after a refused AUTH."""
        talk = self.new_talk(authenticator=self.authenticator)
        talk.lines("AUTH LOGIN", NAME, PASSWORD, PLAIN)
        self.secure_talk().lines(f"AUTH CRAM-MD5 {PLAIN}", PLAIN)
        talk.lines(f"AUTH PLAIN {PLAIN}", "MAIL FROM:<>", f"AUTH PLAIN {PLAIN}")
        for line in talk.events.lines + self.talk.events.lines:
            for secret in (PASSWORD, PLAIN, "secret"):
                self.assertNotIn(secret, line)

    def test_invalid_logins_are_logged(self) -> None:
        self.talk.lines("AUTH PLAIN !")
        self.assertIn("refused AUTH from [192.0.2.7]:4711: 501 5.5.2", self.talk.events.lines[-1])
