"""BDAT (RFC 3030): chunks in and out of order."""

from __future__ import annotations

from mailhost.message.envelope import Body
from mailhost.message.status import Status
from mailhost.smtp.server.options import SessionOptions
from tests.smtp.fakes import NOBODY, TalkCase, codes

MAIL = "MAIL FROM:<a@example.net>"
RCPT = "RCPT TO:<b@example.com>"
START = f"{MAIL}\r\n{RCPT}\r\n".encode()


class ChunkTests(TalkCase):
    def test_one_chunk(self) -> None:
        said = codes(self.talk.say(START + b"BDAT 7 LAST\r\n.\r\nhi\r\nNOOP\r\n"))
        self.assertEqual(said, ["250 2.1.0"] + ["250 2.0.0"] * 3)
        self.assertEqual(self.talk.last.content, b".\r\nhi\r\n")

    def test_many_chunks_in_the_pipeline(self) -> None:
        said = codes(
            self.talk.say(
                START + b"BDAT 4\r\none\rBDAT 5\r\n\ntwo\rBDAT 1\r\n\nBDAT 0 LAST\r\nRSET\r\n"
            )
        )
        self.assertEqual(said, ["250 2.1.0"] + ["250 2.0.0"] * 6)
        self.assertEqual(self.talk.last.content, b"one\r\ntwo\r\n")
        self.assertEqual(self.talk.last.fate, "ended")
        self.assertEqual(self.talk.reception.questions.count("begin"), 1)

    def test_the_reply_has_the_octets_so_far(self) -> None:
        self.talk.say(START)
        self.assertEqual(self.talk.say(b"BDAT 3\r\nabc"), b"250 2.0.0 3 octets so far\r\n")
        self.assertEqual(self.talk.say(b"BDAT 2\r\nde"), b"250 2.0.0 5 octets so far\r\n")

    def test_nothing_at_all(self) -> None:
        self.assertEqual(codes(self.talk.say(START + b"BDAT 0 LAST\r\n"))[-1], "250 2.0.0")
        self.assertEqual(self.talk.last.content, b"")

    def test_last_in_any_case(self) -> None:
        self.assertEqual(codes(self.talk.say(START + b"bdat 2 last\r\nhi"))[-1], "250 2.0.0")
        self.assertEqual(self.talk.last.fate, "ended")

    def test_reset_between_chunks(self) -> None:
        said = codes(self.talk.say(START + b"BDAT 2\r\nhiRSET\r\nBDAT 4\r\nQUITNOOP\r\n"))
        self.assertEqual(said, ["250 2.1.0"] + ["250 2.0.0"] * 3 + ["503 5.5.1", "250 2.0.0"])
        self.assertEqual(self.talk.last.fate, "abandoned")

    def test_only_chunks_follow_a_chunk(self) -> None:
        said = codes(self.talk.say(START + b"BDAT 2\r\nhi"))
        said = self.talk.lines("DATA", MAIL, RCPT, "NOOP")
        self.assertEqual(said, ["503 5.5.1"] * 3 + ["250 2.0.0"])
        self.assertEqual(codes(self.talk.say(b"BDAT 2 LAST\r\n!!")), ["250 2.0.0"])
        self.assertEqual(self.talk.last.content, b"hi!!")

    def test_out_of_order_octets_are_no_commands(self) -> None:
        attack = b"BDAT 21 LAST\r\nQUIT\r\nRSET\r\nEHLO x\r\n\rNOOP\r\n"
        self.assertEqual(codes(self.talk.say(attack)), ["503 5.5.1", "250 2.0.0"])
        self.talk.lines(MAIL)
        self.assertEqual(codes(self.talk.say(attack)), ["554 5.5.1", "250 2.0.0"])
        fresh = self.new_talk(hello=False)
        self.assertEqual(codes(fresh.say(attack)), ["503 5.5.1", "250 2.0.0"])

    def test_recipients_refused_in_the_pipeline(self) -> None:
        self.talk.reception.answers["recipient"] = NOBODY
        said = codes(self.talk.say(START + b"BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"))
        self.assertEqual(said, ["250 2.1.0", "550 5.1.1", "554 5.5.1", "554 5.5.1", "250 2.0.0"])

    def test_refused_before_the_content(self) -> None:
        self.talk.reception.answers["begin"] = Status(451, "4.3.0", "Not now")
        said = codes(self.talk.say(START + b"BDAT 6\r\nQUIT\r\nBDAT 2 LAST\r\nhiNOOP\r\n"))
        self.assertEqual(said[2:], ["451 4.3.0", "503 5.5.1", "250 2.0.0"])
        self.assertEqual(self.talk.last.fate, "abandoned")
        self.assertEqual(self.talk.last.content, b"")

    def test_too_large(self) -> None:
        talk = self.new_talk(SessionOptions("mx.example.com", 10))
        said = codes(talk.say(START + b"BDAT 11\r\nQUIT\r\nQUIT\rBDAT 1 LAST\r\nxNOOP\r\n"))
        self.assertEqual(said[2:], ["552 5.3.4", "503 5.5.1", "250 2.0.0"])
        self.assertEqual(talk.last.fate, "abandoned")

    def test_many_chunks_behind_a_refused_one_do_not_end_the_session(self) -> None:
        talk = self.new_talk(SessionOptions("mx.example.com", 10, errors=5))
        said = codes(talk.say(START + b"BDAT 11\r\n12345678901" + b"BDAT 1\r\nx" * 100))
        self.assertEqual(said[2:], ["552 5.3.4"] + ["503 5.5.1"] * 100)
        self.assertEqual(talk.lines("NOOP"), ["250 2.0.0"])

    def test_a_huge_size_is_only_a_number(self) -> None:
        self.talk.say(START + b"BDAT 99999999999999999999 LAST\r\n")
        for _ in range(20):
            self.assertEqual(self.talk.say(b"x" * 100_000), b"")
        self.assertLessEqual(len(self.talk.last.content), 1_000_000)

    def test_binary_needs_chunks(self) -> None:
        self.talk = self.new_talk(binary=True)
        said = self.talk.lines(f"{MAIL} BODY=BINARYMIME", RCPT, "DATA", "RSET")
        self.assertEqual(said, ["250 2.1.0", "250 2.0.0", "503 5.5.1", "250 2.0.0"])
        self.assertIs(self.talk.last.envelope.body, Body.BINARY)

    def test_the_wait_for_octets_is_that_for_content(self) -> None:
        talk = self.new_talk(SessionOptions("mx", 1000, command_timeout=300, data_timeout=600))
        self.assertEqual(talk.session.timeout, 300)
        talk.say(START + b"BDAT 3\r\na")
        self.assertEqual(talk.session.timeout, 600)
        talk.say(b"bc")
        self.assertEqual(talk.session.timeout, 300)
        talk.lines("RSET", MAIL, RCPT, "DATA")
        self.assertEqual(talk.session.timeout, 600)
        talk.lines(".")
        self.assertEqual(talk.session.timeout, 300)
