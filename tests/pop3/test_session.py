"""POP3 sessions on a fake wire, over mailboxes in memory."""

from __future__ import annotations

import base64

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.client import Client, TLSState
from mailhost.message.content import Content
from mailhost.net.sasl.mechanisms import Logins
from mailhost.pop3.replies import MOST_ERRORS
from mailhost.pop3.session import Pop3Session
from mailhost.pop3.state import COMMANDS, State
from tests.fake_wire import FakeWire, drive
from tests.fakes import RecordingEvents, address, now
from tests.memory_store import MemoryStore
from tests.smtp.fakes import FakeAuthenticator

ANN = address("ann@example.com")
TLS = TLSState("TLSv1.3", "TLS_AES_256_GCM_SHA384")
MESSAGES = (
    b"Subject: one\r\n\r\n.dot\r\n..\r\n",
    b"Subject: two\r\n\r\na\r\nb\r\nc\r\n",
    b"no end",
)


def store_with_messages() -> MemoryStore:
    """A store that has MESSAGES in Ann's inbox."""
    store = MemoryStore()
    for text in MESSAGES:
        now(store.inbox(ANN).deliver([Content((text,))]))
    return store


class SessionCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = store_with_messages()
        self.mailbox = self.store.inbox(ANN)
        self.talk()

    def talk(self, tls: bool = True) -> None:
        """Begin a new session."""
        self.wire = FakeWire()
        self.events = RecordingEvents()
        client = Client("192.0.2.1", 1, "pop3", tls=TLS if tls else None)
        self.session = Pop3Session(
            self.wire,
            client,
            Logins(FakeAuthenticator()),
            self.store,
            self.events,
            tls_available=True,
            hostname="mail.example.com",
        )
        self.session.greet()
        self.assertEqual(b"+OK mail.example.com POP3 ready\r\n", self.wire.take())

    def say(self, *lines: str) -> str:
        """Say these lines at once; return what comes back."""
        drive(self.session, "".join(line + "\r\n" for line in lines).encode())
        return self.wire.take().decode()

    def log_in(self) -> None:
        """USER and PASS."""
        said = self.say("USER ann@example.com", "PASS secret")
        self.assertTrue(said.endswith("+OK 3 messages (57 octets)\r\n"), said)


class Authorization(SessionCase):
    def test_user_and_pass(self) -> None:
        self.log_in()

    def test_wrong_passwords_say_so_and_may_be_tried_again(self) -> None:
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

    def test_a_second_session_is_told_so_and_the_first_lets_go(self) -> None:
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

    def test_languages_and_utf8(self) -> None:
        self.assertIn("en English", self.say("LANG"))
        self.assertIn("+OK en", self.say("LANG *"))
        self.assertIn("-ERR", self.say("LANG tlh"))
        self.assertIn("+OK", self.say("UTF8"))


class Transaction(SessionCase):
    def setUp(self) -> None:
        super().setUp()
        self.log_in()

    def test_stat_list_and_uidl(self) -> None:
        self.assertEqual("+OK 3 57\r\n", self.say("STAT"))
        self.assertEqual("+OK 3 messages\r\n1 26\r\n2 25\r\n3 6\r\n.\r\n", self.say("LIST"))
        self.assertEqual("+OK 2 25\r\n", self.say("LIST 2"))
        self.assertEqual("+OK 3 messages\r\n1 u1\r\n2 u2\r\n3 u3\r\n.\r\n", self.say("UIDL"))
        self.assertEqual("+OK 3 u3\r\n", self.say("UIDL 3"))

    def test_retr_stuffs_dots_and_ends_lines(self) -> None:
        self.assertEqual(
            "+OK 26 octets\r\nSubject: one\r\n\r\n..dot\r\n...\r\n.\r\n", self.say("RETR 1")
        )
        self.assertEqual("+OK 6 octets\r\nno end\r\n.\r\n", self.say("RETR 3"))

    def test_top(self) -> None:
        for count, body in ((0, ""), (1, "a\r\n"), (3, "a\r\nb\r\nc\r\n"), (99, "a\r\nb\r\nc\r\n")):
            expected = f"+OK Here it begins\r\nSubject: two\r\n\r\n{body}.\r\n"
            self.assertEqual(expected, self.say(f"TOP 2 {count}"))
        for line in ("TOP 2", "TOP 2 x", "TOP 9 1", "TOP"):
            self.assertTrue(self.say(line).startswith("-ERR"), line)

    def test_numbers_that_are_none(self) -> None:
        for line in (
            "RETR",
            "RETR 0",
            "RETR 4",
            "RETR x",
            "RETR -1",
            "DELE 4",
            "LIST 99",
            "UIDL 0",
        ):
            self.assertTrue(self.say(line).startswith("-ERR"), line)
        self.assertTrue(self.say("RETR " + "9" * 200).startswith("-ERR"))

    def test_deletions_happen_at_quit(self) -> None:
        self.assertEqual("+OK Marked\r\n", self.say("DELE 1"))
        self.assertTrue(self.say("RETR 1").startswith("-ERR"))
        self.assertTrue(self.say("DELE 1").startswith("-ERR"))
        self.assertEqual("+OK 2 31\r\n", self.say("STAT"))
        self.assertEqual("+OK 2 messages\r\n2 25\r\n3 6\r\n.\r\n", self.say("LIST"))
        self.assertEqual(3, len(self.mailbox.contents))
        self.assertEqual("+OK Goodbye\r\n", self.say("QUIT"))
        self.assertEqual(["u2", "u3"], list(self.mailbox.contents))
        self.assertTrue(self.wire.hung_up)
        self.assertFalse(self.mailbox.locked)

    def test_rset_forgets_marks(self) -> None:
        self.say("DELE 1", "RSET", "QUIT")
        self.assertEqual(3, len(self.mailbox.contents))

    def test_nothing_is_deleted_without_quit(self) -> None:
        for end in (
            lambda: self.session.lost("gone"),
            self.session.timed_out,
            self.session.stopping,
            self.session.failed,
        ):
            self.say("DELE 1")
            end()
            self.session.lost("closed")
            self.assertEqual(3, len(self.mailbox.contents))
            self.assertFalse(self.mailbox.locked)
            self.talk()
            self.log_in()

    def test_what_could_not_be_removed_is_told(self) -> None:
        self.mailbox.stuck = {"u1"}
        self.assertIn("-ERR [SYS/TEMP] Some deleted", self.say("DELE 1", "DELE 2", "QUIT"))
        self.assertEqual(["u1", "u3"], list(self.mailbox.contents))

    def test_a_message_that_somebody_else_removed(self) -> None:
        del self.mailbox.contents["u2"]
        self.assertIn("-ERR The message was removed", self.say("RETR 2"))
        self.assertIn("+OK", self.say("NOOP"))


class Nonsense(SessionCase):
    def test_each_command_belongs_to_its_state(self) -> None:
        everything = frozenset().union(*COMMANDS.values())
        for verb in sorted(everything - COMMANDS[State.AUTHORIZATION]):
            self.assertIn("-ERR Not now: log in first", self.say(verb.decode()))
        self.talk()
        self.log_in()
        for verb in sorted(everything - COMMANDS[State.TRANSACTION]):
            self.assertIn("-ERR Not now: you are logged in", self.say(verb.decode()))

    def test_too_many_errors_end_it(self) -> None:
        said = self.say(*["XYZZY"] * (MOST_ERRORS + 5))
        self.assertEqual(MOST_ERRORS + 1, said.count("-ERR"))
        self.assertTrue(self.wire.hung_up)

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
