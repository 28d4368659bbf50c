"""PIPELINING: whatever waits, commands run one by one in the order they came.

twisted.mail runs the next command while the reception's Deferred is not answered yet.
"""

from __future__ import annotations

from tests.smtp.fakes import NOBODY, TalkCase, codes

MESSAGE = (
    b"MAIL FROM:<a@example.net>\r\nRCPT TO:<b@example.com>\r\nRCPT TO:<c@example.com>\r\n"
    b"DATA\r\nhello\r\n.\r\n"
)
WANTED = ["250 2.1.0", "250 2.0.0", "250 2.0.0", "354", "250 2.0.0"]
EVERYTHING = {"connected", "hello", "transaction", "recipient", "begin", "write", "end"}


class OrderTests(TalkCase):
    def test_nothing_runs_while_an_answer_is_awaited(self) -> None:
        self.talk.reception.slow.add("recipient")
        self.assertEqual(codes(self.talk.say(MESSAGE)), ["250 2.1.0"])
        self.assertEqual(self.talk.reception.questions[-1], "recipient")
        self.assertEqual(len(self.talk.reception.waiting), 1)
        self.talk.reception.release()
        self.assertEqual(codes(self.talk.wire.take()), ["250 2.0.0"])
        self.assertEqual(len(self.talk.reception.waiting), 1)
        self.talk.reception.release()
        self.assertEqual(codes(self.talk.wire.take()), ["250 2.0.0", "354", "250 2.0.0"])

    def test_everything_slow(self) -> None:
        self.talk.reception.slow = EVERYTHING
        self.talk.say(MESSAGE + MESSAGE + b"RSET\r\nNOOP\r\n")
        replies = b""
        while self.talk.reception.waiting:
            self.assertEqual(len(self.talk.reception.waiting), 1)
            self.talk.reception.release()
            replies += self.talk.wire.take()
        self.assertEqual(codes(replies), WANTED * 2 + ["250 2.0.0"] * 2)

    def test_everything_answered_by_fired_deferreds(self) -> None:
        self.talk.reception.quick = EVERYTHING
        said = codes(self.talk.say(MESSAGE * 3))
        self.assertEqual(said, WANTED * 3)

    def test_content_is_not_read_as_commands_when_the_message_is_refused(self) -> None:
        """The text of a client that does not wait for 354 is refused line by line, and not
        executed."""
        self.talk.reception.answers["recipient"] = NOBODY
        said = codes(self.talk.say(MESSAGE))
        self.assertEqual(said[:4], ["250 2.1.0", "550 5.1.1", "550 5.1.1", "554 5.5.1"])

    def test_a_login_is_waited_for(self) -> None:
        from twisted.internet.defer import Deferred

        from tests.smtp.fakes import TLS, FakeAuthenticator

        authenticator = FakeAuthenticator()
        authenticator.slow = Deferred()
        talk = self.new_talk(authenticator=authenticator, tls=TLS)
        login = b"AUTH PLAIN AGFubkBleGFtcGxlLmNvbQBzZWNyZXQ=\r\n"
        self.assertEqual(talk.say(login + MESSAGE), b"")
        self.assertNotIn("transaction", talk.reception.questions)
        authenticator.slow.callback(None)
        self.assertEqual(codes(talk.wire.take()), ["235 2.7.0", *WANTED])
        self.assertEqual(str(talk.reception.clients[-1].account), "ann@example.com")

    def test_replies_for_a_whole_dialogue_in_one_block(self) -> None:
        said = codes(self.talk.say(MESSAGE * 20 + b"QUIT\r\n" + MESSAGE))
        self.assertEqual(said, WANTED * 20 + ["221 2.0.0"])

    def test_a_reset_in_the_pipeline(self) -> None:
        said = codes(
            self.talk.say(b"MAIL FROM:<a@example.net>\r\nRSET\r\nRCPT TO:<b@example.com>\r\n")
        )
        self.assertEqual(said, ["250 2.1.0", "250 2.0.0", "503 5.5.1"])
