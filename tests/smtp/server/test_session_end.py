"""Ends of all kinds: lost connections, 421 at each step, timeouts, a host that stops, bugs.

That each transaction is ended or abandoned exactly once is checked after every test here.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from mailhost.message.status import Status
from mailhost.smtp.server.options import SessionOptions
from tests.smtp.fakes import ANN, BUSY, FakeAuthenticator, Talk, TalkCase, codes

MAIL = b"MAIL FROM:<a@example.net>\r\n"
RCPT = b"RCPT TO:<b@example.com>\r\n"
DIALOGUES = {
    "hello": b"EHLO again\r\n",
    "transaction": MAIL,
    "recipient": MAIL + RCPT,
    "begin": MAIL + RCPT + b"DATA\r\n",
    "write": MAIL + RCPT + b"DATA\r\nhello\r\n.\r\n",
    "end": MAIL + RCPT + b"DATA\r\nhello\r\n.\r\n",
}
CHUNKS = {
    "begin": MAIL + RCPT + b"BDAT 5\r\nhello",
    "write": MAIL + RCPT + b"BDAT 5\r\nhelloBDAT 1 LAST\r\n!",
    "end": MAIL + RCPT + b"BDAT 5\r\nhelloBDAT 1 LAST\r\n!",
}


class LostTests(TalkCase):
    def test_while_a_question_waits(self) -> None:
        for question, dialogue in [*DIALOGUES.items(), *CHUNKS.items()]:
            for lmtp in (False, True):
                talk = self.new_talk(SessionOptions("mx", 1000, lmtp=lmtp))
                talk.reception.slow.add(question)
                talk.say(dialogue.replace(b"EHLO", b"LHLO") if lmtp else dialogue)
                self.assertEqual(len(talk.reception.waiting), 1, question)
                talk.session.lost("gone")
                emitted = len(talk.events.emitted)
                while talk.reception.waiting:
                    talk.reception.release()
                self.assertEqual(talk.wire.take(), b"", question)
                self.assertEqual(len(talk.events.emitted), emitted, question)

    def test_in_the_middle_of_content(self) -> None:
        self.talk.say(MAIL + RCPT + b"DATA\r\nhalf of")
        self.talk.session.lost("Connection reset by peer")
        self.assertEqual(self.talk.last.fate, "abandoned")
        self.assertIn("connection lost before the message was whole", self.talk.events.lines[-1])
        self.assertIn("Connection reset by peer", self.talk.events.lines[-1])

    def test_between_chunks(self) -> None:
        self.talk.say(MAIL + RCPT + b"BDAT 3\r\nabc")
        self.talk.session.lost("gone")
        self.assertEqual(self.talk.last.fate, "abandoned")

    def test_after_the_content(self) -> None:
        """The message is accepted, and the client, which got no reply, sends it again (RFC
        1047)."""
        self.talk.reception.slow.add("end")
        self.talk.say(MAIL + RCPT + b"DATA\r\n.\r\n")
        self.talk.session.lost("gone")
        self.talk.reception.release()
        self.assertEqual(self.talk.last.fate, "ended")

    def test_at_rest_nothing_is_logged(self) -> None:
        self.talk.session.lost("closed by the client")
        self.assertEqual(self.talk.events.emitted, [])

    def test_after_quit_nothing_is_logged(self) -> None:
        self.talk.say(MAIL + RCPT + b"QUIT\r\n")
        self.assertEqual(self.talk.last.fate, "abandoned")
        self.talk.session.lost("closed by the client")
        self.assertEqual(self.talk.events.emitted, [])


class SentAwayTests(TalkCase):
    def test_421_at_each_step(self) -> None:
        for question, dialogue in [*DIALOGUES.items(), *CHUNKS.items()]:
            if question == "write":
                continue
            for slow in (set[str](), {question}):
                talk = self.new_talk()
                talk.reception.answers[question] = [BUSY] if question == "end" else BUSY
                talk.reception.slow = slow
                replies = talk.say(dialogue + b"NOOP\r\n")
                while talk.reception.waiting:
                    talk.reception.release()
                    replies += talk.wire.take()
                self.assertEqual(codes(replies)[-1], "421 4.3.2", question)
                self.assertTrue(talk.wire.hung_up)
                self.assertIn("421 4.3.2 Come back later", talk.events.lines[-1])
                self.assertEqual(talk.say(b"NOOP\r\n"), b"")

    def test_before_the_greeting(self) -> None:
        for status in (BUSY, Status(554, "5.7.1", "Not you")):
            talk = Talk()
            talk.reception.answers["connected"] = status
            reply = talk.begin()
            self.assertEqual(codes(reply), [f"{status.code} {status.enhanced}"])
            self.assertTrue(talk.wire.hung_up)
            self.assertIn("refused connection", talk.events.lines[-1])
            self.assertEqual(talk.say(b"EHLO x\r\n"), b"")


class TimeTests(TalkCase):
    def test_silence(self) -> None:
        self.talk.session.timed_out()
        self.assertEqual(codes(self.talk.wire.take()), ["421 4.4.2"])
        self.assertEqual(self.talk.say(b"NOOP\r\n"), b"")

    def test_silence_in_the_content(self) -> None:
        self.talk.say(MAIL + RCPT + b"DATA\r\nhalf")
        self.talk.session.timed_out()
        self.talk.session.lost("closed by the client")
        self.assertEqual(codes(self.talk.wire.take()), ["421 4.4.2"])
        self.assertEqual(len(self.talk.events.emitted), 1)
        self.assertIn("refused message from [192.0.2.7]:4711: 421 4.4.2", self.talk.events.lines[0])

    def test_waits(self) -> None:
        talk = self.new_talk(SessionOptions("mx", 1000, command_timeout=5, data_timeout=10))
        self.assertEqual(talk.session.timeout, 5)
        talk.say(MAIL + RCPT + b"DATA\r\n")
        self.assertEqual(talk.session.timeout, 10)
        talk.say(b".\r\n")
        self.assertEqual(talk.session.timeout, 5)


class StopTests(TalkCase):
    def test_at_rest(self) -> None:
        self.talk.session.stopping()
        self.assertEqual(codes(self.talk.wire.take()), ["421 4.3.2"])
        self.assertTrue(self.talk.wire.hung_up)
        self.talk.session.stopping()
        self.assertEqual(self.talk.wire.take(), b"")

    def test_a_transaction_may_end(self) -> None:
        self.talk.say(MAIL)
        self.talk.session.stopping()
        self.assertEqual(self.talk.wire.take(), b"")
        said = codes(self.talk.say(RCPT + b"DATA\r\nhi\r\n.\r\n" + MAIL))
        self.assertEqual(said, ["250 2.0.0", "354", "250 2.0.0", "421 4.3.2"])
        self.assertEqual(len(self.talk.reception.transactions), 1)

    def test_the_answer_to_the_content_is_waited_for(self) -> None:
        for dialogue in (DIALOGUES["end"], CHUNKS["end"]):
            talk = self.new_talk()
            talk.reception.slow.add("end")
            talk.say(dialogue)
            talk.session.stopping()
            self.assertEqual(talk.wire.take(), b"")
            talk.reception.release()
            self.assertEqual(codes(talk.wire.take()), ["250 2.0.0", "421 4.3.2"])

    def test_reset_is_an_end_too(self) -> None:
        self.talk.say(MAIL)
        self.talk.session.stopping()
        self.assertEqual(codes(self.talk.say(b"RSET\r\nNOOP\r\n")), ["250 2.0.0", "421 4.3.2"])


class RevokedTests(TalkCase):
    """The password of the login, or the account itself, is not valid any more."""

    LOGIN = b"AUTH PLAIN AGFubkBleGFtcGxlLmNvbQBzZWNyZXQ=\r\n"

    def setUp(self) -> None:
        super().setUp()
        self.authenticator = FakeAuthenticator(in_the_clear=True)
        self.talk = self.new_talk(authenticator=self.authenticator)

    def test_the_session_ends_before_the_next_command(self) -> None:
        for commands in (b"", MAIL + RCPT):
            self.setUp()
            self.talk.say(self.LOGIN + commands)
            self.talk.account_sessions.end([ANN])
            self.assertEqual(1, self.talk.wire.wakes)
            self.assertEqual(codes(self.talk.say(b"DATA\r\n")), ["421 4.7.0"])
            self.assertTrue(self.talk.wire.hung_up)
            self.assertIn("refused session", self.talk.events.lines[-1])

    def test_a_message_that_is_being_sent_is_taken(self) -> None:
        self.talk.say(self.LOGIN + MAIL + RCPT + b"DATA\r\nhalf")
        self.talk.account_sessions.end([ANN])
        self.assertEqual(codes(self.talk.say(b"\r\n.\r\n")), ["250 2.0.0", "421 4.7.0"])

    def test_a_login_whose_password_was_revoked_meanwhile(self) -> None:
        slow: Deferred[None] = Deferred()
        self.authenticator.slow = slow
        self.talk.say(self.LOGIN)
        self.talk.account_sessions.end([ANN])
        slow.callback(None)
        self.assertEqual(codes(self.talk.wire.take()), ["454 4.7.0"])
        self.authenticator.slow = None
        self.assertEqual(codes(self.talk.say(self.LOGIN)), ["235 2.7.0"])

    def test_a_client_that_is_gone_is_not_ended(self) -> None:
        self.talk.say(self.LOGIN)
        self.talk.session.lost("gone")
        self.talk.account_sessions.end([ANN])
        self.assertEqual(0, self.talk.wire.wakes)


class BugTests(TalkCase):
    def test_the_client_gets_a_reply(self) -> None:
        self.talk.say(MAIL + RCPT)
        self.talk.session.failed()
        self.assertEqual(codes(self.talk.wire.take()), ["421 4.3.0"])
        self.assertEqual(self.talk.last.fate, "abandoned")
        self.assertEqual(self.talk.say(b"NOOP\r\n"), b"")

    def test_the_reception_raises_at_the_end(self) -> None:
        def boom(_: object) -> None:
            raise ZeroDivisionError

        self.talk.reception.answers["end"] = boom
        self.talk.say(MAIL + RCPT + b"DATA\r\n.\r\n")
        self.assertEqual(len(self.talk.failures), 1)
        self.talk.failures.clear()
        self.talk.session.failed()
        self.assertEqual(self.talk.last.fate, "ended")
