"""The POP3 session: both states, opening the mailbox, bad input, any cut of the octets."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from mailhost.pop3.state import COMMANDS, Pop3State
from tests.fake_wire import drive
from tests.fakes import now
from tests.pop3.session_case import ANN, TLS, SessionCase, store_with_messages


class BothStates(SessionCase):
    def test_capabilities(self) -> None:
        capabilities = self.say("CAPA").split("\r\n")
        for capability in ("TOP", "UIDL", "RESP-CODES", "PIPELINING", "USER", "UTF8 USER", "LANG"):
            self.assertIn(capability, capabilities)
        self.assertNotIn("STLS", capabilities)

    def test_what_is_pipelined_behind_stls_is_thrown_away(self) -> None:
        self.talk(tls=False)
        self.assertEqual("+OK Start the handshake\r\n", self.say("STLS", "USER evil@example.com"))
        self.assertEqual(1, self.wire.handshakes)
        self.session.secured(TLS)
        self.assertIn("-ERR Say USER first", self.say("PASS secret"))
        self.assertIn("-ERR TLS is not offered", self.say("STLS"))
        self.log_in()

    def test_a_second_session_is_refused_until_the_first_ends(self) -> None:
        self.log_in()
        first = self.session
        self.talk()
        self.assertIn("-ERR [IN-USE] ", self.say("USER ann@example.com", "PASS secret"))
        first.lost("gone")
        self.log_in()

    def test_a_mailbox_that_cannot_be_read(self) -> None:
        self.mailbox.fault = OSError(5, "broken")
        self.assertIn("-ERR [SYS/TEMP] ", self.say("USER ann@example.com", "PASS secret"))
        self.assertFalse(self.mailbox.locked)
        self.assertIn("broken", self.events.lines[-1])

    def test_a_client_that_leaves_while_the_mailbox_is_opened_frees_it(self) -> None:
        self.mailbox.waiting = Deferred()
        self.say("USER ann@example.com", "PASS secret")
        self.session.lost("gone")
        self.mailbox.waiting.callback(None)
        self.assertFalse(self.mailbox.locked)

    def test_a_session_ends_when_its_password_is_revoked(self) -> None:
        self.log_in()
        self.say("DELE 1")
        self.account_sessions.end([ANN])
        self.assertEqual(1, self.wire.wakes)
        said = self.say("QUIT")
        self.assertEqual(
            "-ERR [AUTH] The account was removed or its password changed; please log in again\r\n",
            said,
        )
        self.assertTrue(self.wire.hung_up)
        self.assertEqual(3, len(now(self.mailbox.messages())))
        self.assertIn("refused session", self.events.lines[-1])

    def test_a_login_whose_password_was_revoked_meanwhile_is_refused(self) -> None:
        self.say("USER ann@example.com")
        self.authenticator.slow = Deferred()
        self.say("PASS secret")
        self.account_sessions.end([ANN])
        self.authenticator.slow.callback(None)
        self.assertIn("-ERR [SYS/TEMP] The account was removed", self.wire.take().decode())
        self.authenticator.slow = None
        self.log_in()

    def test_languages_and_utf8(self) -> None:
        self.assertIn("en English", self.say("LANG"))
        self.assertIn("+OK en", self.say("LANG *"))
        self.assertIn("-ERR", self.say("LANG tlh"))
        self.assertIn("+OK", self.say("UTF8"))


class Nonsense(SessionCase):
    def test_each_command_belongs_to_its_state(self) -> None:
        everything = frozenset().union(*COMMANDS.values())
        for verb in sorted(everything - COMMANDS[Pop3State.AUTHORIZATION]):
            self.assertIn("-ERR Not now: log in first", self.say(verb.decode()))
        self.talk()
        self.log_in()
        for verb in sorted(everything - COMMANDS[Pop3State.TRANSACTION]):
            self.assertIn("-ERR Not now: you are logged in", self.say(verb.decode()))

    def test_http_ends_it(self) -> None:
        for first in (
            "GET / HTTP/1.1",
            "POST /" + "x" * 1000 + " HTTP/1.1",
            "CONNECT a:110 HTTP/1.1",
        ):
            self.talk()
            said = self.say(first, "Host: mail.example.com", "", "USER ann@example.com", "PASS x")
            self.assertEqual(
                "-ERR This is a mail server, and does not speak HTTP; goodbye\r\n", said
            )
            self.assertTrue(self.wire.hung_up)
            self.assertIn("does not speak HTTP", self.events.lines[-1])

    def test_lines_that_end_in_lf_alone(self) -> None:
        drive(self.session, b"USER ann@example.com\nPASS secret\nNOOP\n")
        self.assertTrue(self.wire.take().endswith(b"+OK 3 messages (57 octets)\r\n+OK\r\n"))

    def test_lines_too_long_and_binary_junk(self) -> None:
        self.assertIn("-ERR The line is too long", self.say("X" * 300))
        self.assertIn("-ERR The line is too long", self.say("X" * 100_000))
        drive(self.session, b"\0\xff\x80\r\nUSER \0\r\n")
        self.assertEqual(2, self.wire.take().count(b"-ERR"))
        self.log_in()

    @settings(deadline=None)
    @given(st.lists(st.integers(0, 400), max_size=6))
    def test_any_cut_gives_the_same(self, places: list[int]) -> None:
        text = (
            b"CAPA\r\nUSER ann@example.com\r\nPASS secret\r\nLIST\r\nUIDL 1\r\nRETR 1\r\n"
            b"TOP 2 1\r\nDELE 3\r\nSTAT\r\nxyzzy\r\nQUIT\r\n"
        )
        answers = []
        for ends in ([], sorted({place % len(text) for place in places})):
            self.store = store_with_messages()
            self.mailbox = self.store.inbox(ANN)
            self.talk()
            for start, end in zip([0, *ends], [*ends, len(text)], strict=True):
                drive(self.session, text[start:end])
            answers.append((self.wire.take(), dict(self.mailbox.contents)))
        self.assertEqual(answers[0], answers[1])

    @settings(deadline=None)
    @given(st.binary(max_size=300), st.booleans())
    def test_no_bytes_crash_it(self, junk: bytes, logged_in: bool) -> None:
        self.store = store_with_messages()
        self.talk()
        if logged_in:
            self.log_in()
        drive(self.session, junk + b"\r\n")
