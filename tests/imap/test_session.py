"""IMAP sessions, where a dialogue as text cannot show it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.capabilities import CAPABILITIES
from mailhost.imap.commands.capability import AFTER_LOGIN, ALWAYS
from mailhost.interfaces.events import Identified, Refused
from tests.imap.host import ANN, Host, without


class SessionCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.host = Host(os.path.abspath(self.mktemp()))


class Capabilities(SessionCase):
    def test_all_that_are_offered_can_be_switched_off(self) -> None:
        names = {name.upper() for name in (*ALWAYS, *AFTER_LOGIN)}
        self.assertEqual(set(), names - set(CAPABILITIES))

    def test_some_are_switched_off_for_one_account(self) -> None:
        options = replace(self.host.options, disabled_for={ANN: frozenset({"CONDSTORE"})})
        talk = self.host.talk(options=options)
        talk.wire.take()
        answer = talk.send("a LOGIN ann@example.com secret")
        self.assertNotIn("CONDSTORE", answer)
        self.assertNotIn("QRESYNC", answer)
        self.assertIn("b BAD CONDSTORE is not", talk.send("b SELECT INBOX (CONDSTORE)"))

    def test_names_before_the_login(self) -> None:
        talk = self.host.talk(tls=False, options=without(self.host.options, "STARTTLS", "LITERAL-"))
        greeting = talk.wire.take().decode()
        self.assertNotIn("STARTTLS", greeting)
        self.assertNotIn("LITERAL", greeting)
        self.assertIn("a BAD STARTTLS is not offered", talk.send("a STARTTLS"))


class Identification(SessionCase):
    def test_the_client_is_logged_once(self) -> None:
        talk = self.host.talk()
        talk.log_in()
        talk.send("a ID NIL", 'b ID ("name" "mu\\"tt" "version" NIL "os" "x")')
        talk.send('c ID ("name" "other")')
        (event,) = talk.events.of(Identified)
        self.assertEqual(
            'imap client [192.0.2.1]:1 of ann@example.com is name=mu"tt os=x', event.line
        )

    def test_what_it_says_cannot_forge_lines(self) -> None:
        talk = self.host.talk()
        talk.say(b'a ID ("name" {5+}\r\na\r\nb\xff)\r\n')
        talk.say(b'b ID ("x" "' + b"y" * 1000 + b'")\r\n')
        (event,) = talk.events.of(Identified)
        self.assertEqual("name=a?b?", event.text)


class Progress(SessionCase):
    def test_a_long_copy_says_that_it_goes_on(self) -> None:
        talk = self.host.talk()
        talk.log_in()
        talk.send("a APPEND INBOX {3+}", "abc", "b SELECT INBOX")
        waiting: Deferred[None] = Deferred()
        selected = talk.context.selected
        assert selected is not None
        copy = selected.folder.copy

        async def slow(uids: Sequence[int], target: str) -> object:
            await waiting
            return await copy(uids, target)

        self.patch(type(selected.folder), "copy", lambda self, *found: slow(*found))
        self.assertEqual("", talk.send("c COPY 1 Trash"))
        self.host.clock.advance(9)
        self.assertEqual(b"", talk.wire.take())
        for seconds in (1, 15):
            self.host.clock.advance(seconds)
            line = b'* OK [INPROGRESS ("c" NIL NIL)] Copying\r\n'
            self.assertEqual(line, talk.wire.take())
        waiting.callback(None)
        self.assertRegex(talk.wire.take(), rb"c OK \[COPYUID \d+ 1 1\] Copied\r\n")
        self.host.clock.advance(60)
        self.assertEqual(b"", talk.wire.take())


class Revoked(SessionCase):
    """The password of the login, or the account itself, is not valid any more."""

    BYE = "* BYE The account was removed or its password changed; please log in again\r\n"

    def test_a_session_that_idles_ends(self) -> None:
        talk = self.host.talk()
        talk.log_in()
        talk.send("a SELECT INBOX", "b IDLE")
        self.host.account_sessions.end([ANN])
        self.host.settle()
        self.assertEqual(self.BYE, talk.wire.take().decode())
        self.assertTrue(talk.wire.hung_up)
        (event,) = talk.events.of(Refused)
        self.assertIn("refused session from", event.line)

    def test_no_further_command_is_executed(self) -> None:
        talk = self.host.talk()
        talk.log_in()
        self.host.account_sessions.end([ANN])
        self.assertEqual(self.BYE, talk.send("a SELECT INBOX", "b NOOP"))

    def test_a_login_that_was_under_way_is_refused(self) -> None:
        talk = self.host.talk()
        slow: Deferred[None] = Deferred()
        talk.authenticator.slow = slow
        talk.send("a LOGIN ann@example.com secret")
        self.host.account_sessions.end([ANN])
        slow.callback(None)
        self.assertIn("a NO [UNAVAILABLE] The account was removed or", talk.wire.take().decode())
        talk.authenticator.slow = None
        self.assertIn("b OK ", talk.send("b LOGIN ann@example.com secret"))

    def test_a_login_beyond_the_limit_leaves_no_session(self) -> None:
        self.host.account_limit.most = 0
        talk = self.host.talk()
        talk.send("a LOGIN ann@example.com secret")
        self.host.account_sessions.end([ANN])
        self.assertIn("b OK ", talk.send("b NOOP"))


class Connections(SessionCase):
    def test_a_refused_login_is_logged(self) -> None:
        self.host.account_limit.most = 1
        self.host.talk().log_in()
        talk = self.host.talk()
        talk.send("a LOGIN ann@example.com secret")
        (event,) = talk.events.of(Refused)
        self.assertIn("1 connections of ann@example.com", event.line)
        talk.lost()  # gives back no place that it did not have
        self.assertIsNotNone(self.host.account_limit.admit(ANN))
