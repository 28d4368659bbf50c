"""LMTP (RFC 2033): LHLO, and one reply for each recipient after the content."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.status import LOCAL_ERROR, OK, Status
from mailhost.smtp.server.lmtp import final_replies
from tests.smtp.fakes import NOBODY, TAKEN, TERMS, Talk, TalkCase, codes

BAD = Status(550, "5.1.1", "Nobody")

MAIL = "MAIL FROM:<a@example.net>"
RCPTS = ["RCPT TO:<b@example.com>", "RCPT TO:<c@example.com>", "RCPT TO:<d@example.com>"]
FULL = Status(452, "4.2.2", "Over quota")
LMTP = replace(TERMS, lmtp=True)


class LmtpTests(TalkCase):
    def setUp(self) -> None:
        self.talk = self.new_talk(LMTP)

    def test_greeting(self) -> None:
        self.assertEqual(Talk(LMTP).begin(), b"220 mx.example.com LMTP ready\r\n")

    def test_hello(self) -> None:
        talk = self.new_talk(LMTP, hello=False)
        self.assertEqual(talk.lines("EHLO x", "HELO x", MAIL)[:2], ["500 5.5.1"] * 2)
        self.assertIn(b"250-PIPELINING\r\n", talk.say(b"LHLO x\r\n"))
        self.assertIn(b"Say LHLO first", self.new_talk(LMTP, hello=False).say(b"DATA\r\n"))
        self.assertIn(b"LHLO", talk.say(b"HELP\r\n"))
        self.assertNotIn(b"EHLO", talk.say(b"HELP\r\n"))

    def test_a_reply_for_each_recipient(self) -> None:
        self.talk.reception.answers["end"] = [TAKEN, FULL, NOBODY]
        said = self.talk.lines(MAIL, *RCPTS, "DATA", "hi", ".", "NOOP")[5:]
        self.assertEqual(said, ["250 2.0.0", "452 4.2.2", "550 5.1.1", "250 2.0.0"])

    def test_refused_recipients_have_none(self) -> None:
        self.talk.reception.answers["recipient"] = lambda path: (
            NOBODY if path.address.local == "c" else TAKEN
        )
        self.talk.reception.answers["end"] = [TAKEN, FULL]
        said = self.talk.lines(MAIL, *RCPTS, "DATA", ".", "NOOP")[5:]
        self.assertEqual(said, ["250 2.0.0", "452 4.2.2", "250 2.0.0"])

    def test_the_reply_of_each_chunk_and_of_the_last(self) -> None:
        self.talk.reception.answers["end"] = [TAKEN, FULL, TAKEN]
        self.talk.lines(MAIL, *RCPTS)
        said = codes(self.talk.say(b"BDAT 2\r\nhiBDAT 1 LAST\r\n!NOOP\r\n"))
        self.assertEqual(said, ["250 2.0.0", "250 2.0.0", "452 4.2.2", "250 2.0.0", "250 2.0.0"])

    def test_a_refused_chunk_has_one_reply(self) -> None:
        talk = self.new_talk(replace(LMTP, message_size=10))
        talk.lines(MAIL, *RCPTS)
        said = codes(talk.say(b"BDAT 11\r\n12345678901NOOP\r\n"))
        self.assertEqual(said, ["552 5.3.4", "250 2.0.0"])

    def test_a_refusal_of_the_message_is_the_reply_for_each(self) -> None:
        for text, code in ((b"a\nb", "554 5.6.0"), (b"x", "554 5.7.1")):
            talk = self.new_talk(LMTP)
            talk.reception.answers["end"] = [Status(554, "5.7.1", "No")]
            talk.lines(MAIL, *RCPTS, "DATA")
            self.assertEqual(codes(talk.say(text + b"\r\n.\r\n")), [code] * 3)
            talk.lines(MAIL, *RCPTS)
            said = codes(talk.say(b"BDAT %d LAST\r\n%b" % (len(text), text)))
            self.assertEqual(said, [code] * 3)

    def test_as_many_replies_as_recipients_whatever_the_reception_says(self) -> None:
        for statuses in ([], [TAKEN] * 2, [TAKEN] * 5):
            self.talk.reception.answers["end"] = statuses
            said = self.talk.lines(MAIL, *RCPTS, "DATA", ".")
            self.assertEqual(len(said), 1 + 3 + 1 + 3, statuses)

    def test_no_recipients(self) -> None:
        """RFC 2033 §4.2 requires 503."""
        self.talk.reception.answers["recipient"] = NOBODY
        said = self.talk.lines(MAIL, *RCPTS, "DATA", "BDAT 2 LAST\r\n")
        self.assertEqual(said[4:], ["503 5.5.1"] * 2)


class FinalReplyTests(SynchronousTestCase):
    def test_smtp_has_one(self) -> None:
        for found in ([], [OK], [BAD, OK]):
            self.assertEqual(
                list(final_replies(found, 3, lmtp=False)), [found[0] if found else LOCAL_ERROR]
            )

    def test_lmtp_has_one_for_each(self) -> None:
        for found, replies in (
            ([OK, BAD, OK], [OK, BAD, OK]),
            ([BAD], [BAD] * 3),
            ([OK, BAD], [OK, BAD, LOCAL_ERROR]),
            ([OK] * 5, [OK] * 3),
            ([], [LOCAL_ERROR] * 3),
        ):
            self.assertEqual(list(final_replies(found, 3, lmtp=True)), replies)
