"""STARTTLS (RFC 3207): what came in the clear is forgotten, pipelined commands with it.

twisted.mail runs what an attacker put behind STARTTLS as if it had come encrypted.
"""

from __future__ import annotations

from mailhost.interfaces.extensions import Extensions
from mailhost.message.tls_demand import TLSDemand
from tests.smtp.fakes import TLS, FakeAuthenticator, TalkCase

PLAIN = "AUTH PLAIN AGFubkBleGFtcGxlLmNvbQBzZWNyZXQ="


class StartTLSTests(TalkCase):
    def test_handshake_and_hello_again(self) -> None:
        self.assertEqual(self.talk.say(b"STARTTLS\r\n"), b"220 2.0.0 Start the handshake\r\n")
        self.assertEqual(self.talk.wire.handshakes, 1)
        self.talk.session.secured(TLS)
        self.assertEqual(self.talk.lines("MAIL FROM:<>"), ["503 5.5.1"])
        self.assertNotIn(b"STARTTLS", self.talk.say(b"EHLO safe.example\r\n"))
        self.assertEqual(self.talk.lines("MAIL FROM:<>"), ["250 2.1.0"])
        client = self.talk.reception.clients[-1]
        self.assertEqual((client.tls, client.hello), (TLS, "safe.example"))

    def test_pipelined_commands_are_thrown_away(self) -> None:
        said = self.talk.lines("STARTTLS", "EHLO evil.example", "MAIL FROM:<evil@example.net>")
        self.assertEqual(said, ["220 2.0.0"])
        self.talk.session.secured(TLS)
        self.assertEqual(self.talk.say(b""), b"")
        self.assertEqual(self.talk.lines("NOOP"), ["250 2.0.0"])
        self.assertEqual(self.talk.reception.questions, [])

    def test_half_a_command_is_thrown_away(self) -> None:
        self.talk.say(b"STARTTLS\r\nRCPT TO:<evil@example.net> ")
        self.talk.session.receive(b"in the clear")
        self.talk.session.secured(TLS)
        self.assertEqual(self.talk.lines("NOOP"), ["250 2.0.0"])

    def test_nothing_runs_before_the_handshake_is_done(self) -> None:
        self.talk.lines("STARTTLS")
        self.assertEqual(self.talk.lines("EHLO evil.example"), [])
        self.talk.session.secured(TLS)
        self.assertEqual(self.talk.lines("MAIL FROM:<>"), ["503 5.5.1"])

    def test_a_second_time(self) -> None:
        self.talk.lines("STARTTLS")
        self.talk.session.secured(TLS)
        self.assertEqual(self.talk.lines("EHLO x", "STARTTLS"), ["250", "503 5.5.1"])
        self.assertEqual(self.talk.wire.handshakes, 1)

    def test_a_login_in_the_clear_is_forgotten(self) -> None:
        talk = self.new_talk(authenticator=FakeAuthenticator(in_the_clear=True))
        self.assertEqual(talk.lines(PLAIN, "STARTTLS"), ["235 2.7.0", "220 2.0.0"])
        talk.session.secured(TLS)
        talk.lines("EHLO x", "MAIL FROM:<>")
        self.assertIsNone(talk.reception.clients[-1].account)

    def test_mechanisms_appear(self) -> None:
        talk = self.new_talk(authenticator=FakeAuthenticator())
        talk.lines("STARTTLS")
        talk.session.secured(TLS)
        self.assertIn(b"AUTH SCRAM-SHA-256 PLAIN LOGIN", talk.say(b"EHLO x\r\n"))
        self.assertEqual(talk.lines(PLAIN), ["235 2.7.0"])


class RequireTLSTests(TalkCase):
    """RFC 8689 §2: offered and accepted over TLS only."""

    def secure(self) -> str:
        """Start TLS, and return the reply to EHLO."""
        self.talk.lines("STARTTLS")
        self.talk.session.secured(TLS)
        return self.talk.say(b"EHLO safe.example\r\n").decode()

    def test_it_is_refused_in_the_clear(self) -> None:
        self.assertNotIn(b"REQUIRETLS", self.talk.say(b"EHLO x.example\r\n"))
        said = self.talk.lines("MAIL FROM:<a@b.example> REQUIRETLS", "MAIL FROM:<a@b.example>")
        self.assertEqual(said, ["530 5.7.0", "250 2.1.0"])

    def test_it_is_accepted_over_tls(self) -> None:
        self.assertIn("250-REQUIRETLS\r\n", self.secure())
        self.assertEqual(self.talk.lines("MAIL FROM:<a@b.example> requiretls"), ["250 2.1.0"])
        self.assertIs(self.talk.last.envelope.tls, TLSDemand.REQUIRED)
        self.talk.lines("RSET", "MAIL FROM:<a@b.example> SIZE=9")
        self.assertIs(self.talk.last.envelope.tls, TLSDemand.USUAL)

    def test_it_takes_no_value(self) -> None:
        self.secure()
        self.assertEqual(self.talk.lines("MAIL FROM:<a@b.example> REQUIRETLS=x"), ["501 5.5.4"])

    def test_it_is_refused_where_the_reception_does_not_offer_it(self) -> None:
        self.talk.reception.answers["hello"] = Extensions(1000, 2, frozenset())
        self.assertNotIn("REQUIRETLS", self.secure())
        self.assertEqual(self.talk.lines("MAIL FROM:<a@b.example> REQUIRETLS"), ["555 5.5.4"])
