"""MAIL, RCPT and DATA: the envelope and the content of a client that follows the protocol."""

from __future__ import annotations

from typing import cast

from mailhost.interfaces.events import Refused
from mailhost.message.address import Address
from mailhost.message.envelope import Body, Notify, Return
from mailhost.message.status import Status
from mailhost.smtp.server.options import SessionOptions
from tests.smtp.fakes import BUSY, NOBODY, Talk, TalkCase

MAIL = "MAIL FROM:<a@example.net>"
RCPT = "RCPT TO:<b@example.com>"


def codes_of_message(talk: Talk) -> list[str]:
    return talk.lines("DATA", "Subject: x", ".")


class EnvelopeTests(TalkCase):
    def test_null_reverse_path(self) -> None:
        self.talk.lines("MAIL FROM:<>")
        self.assertIsNone(self.talk.last.envelope.reverse_path)

    def test_parameters_of_mail(self) -> None:
        said = self.talk.lines(
            "MAIL FROM:<a@example.net> SIZE=1000 BODY=8bitmime SMTPUTF8 RET=HDRS "
            "ENVID=one+2Dtwo AUTH=<>"
        )
        self.assertEqual(said, ["250 2.1.0"])
        envelope = self.talk.last.envelope
        self.assertEqual(envelope.reverse_path, Address("a", "example.net"))
        self.assertEqual((envelope.size, envelope.body), (1000, Body.EIGHT_BIT))
        self.assertEqual((envelope.smtputf8, envelope.returns), (True, Return.HEADERS))
        self.assertEqual(envelope.envelope_id, "one-two")

    def test_recipients(self) -> None:
        said = self.talk.lines(
            MAIL,
            "RCPT TO:<b@example.com> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+2Bc@example.org",
            "RCPT TO:<PostMaster>",
            "RCPT TO:<@one.example,@two.example:c@example.com>",
        )
        self.assertEqual(said, ["250 2.1.0"] + ["250 2.0.0"] * 3)
        first, second, third = self.talk.last.paths
        self.assertEqual(first.notify, Notify.SUCCESS | Notify.DELAY)
        self.assertEqual(first.original, "rfc822;b+c@example.org")
        self.assertEqual(second.address, Address("postmaster", ""))
        self.assertEqual(third.address, Address("c", "example.com"))

    def test_a_refusal_is_logged_with_the_transaction_that_it_belongs_to(self) -> None:
        answers = self.talk.reception.answers
        answers["recipient"] = lambda path: (
            NOBODY if path.address.local == "x" else Status(250, "2.1.5", "Fine")
        )
        answers["end"] = [NOBODY]
        self.talk.lines(MAIL, RCPT, "RCPT TO:<x@example.com>", "DATA", ".", "FOO")
        recipient, message, command = cast("list[Refused]", self.talk.events.emitted)
        about = self.talk.last.identity, Address("a", "example.net")
        for each in (recipient, message):
            self.assertEqual((each.identity, each.reverse_path), about)
            self.assertEqual(each.recipients, (Address("b", "example.com"),))
        self.assertEqual((command.identity, command.recipients), ("", ()))

    def test_each_recipient_has_its_reply(self) -> None:
        self.talk.reception.answers["recipient"] = lambda path: (
            NOBODY if path.address.local == "x" else Status(250, "2.1.5", "Fine")
        )
        said = self.talk.lines(MAIL, RCPT, "RCPT TO:<x@example.com>", "RCPT TO:<c@example.com>")
        self.assertEqual(said, ["250 2.1.0", "250 2.1.5", "550 5.1.1", "250 2.1.5"])
        self.assertIn(
            "refused RCPT TO:<x@example.com> from [192.0.2.7]:4711: 550 5.1.1 Nobody of that "
            "name here",
            self.talk.events.lines,
        )

    def test_all_recipients_refused(self) -> None:
        self.talk.reception.answers["recipient"] = NOBODY
        said = self.talk.lines(MAIL, RCPT, "DATA", "BDAT 6 LAST\r\nQUIT", "RSET")
        self.assertEqual(said, ["250 2.1.0", "550 5.1.1", "554 5.5.1", "554 5.5.1", "250 2.0.0"])

    def test_sender_refused(self) -> None:
        self.talk.reception.answers["transaction"] = Status(550, "5.7.1", "Not you")
        said = self.talk.lines(MAIL, RCPT, "DATA")
        self.assertEqual(said, ["550 5.7.1", "503 5.5.1", "503 5.5.1"])

    def test_smtputf8(self) -> None:
        said = self.talk.lines("MAIL FROM:<dörte@example.net>", "MAIL FROM:<dörte@bücher.example>")
        self.assertEqual(said, ["553 5.6.7"] * 2)
        said = self.talk.lines(MAIL, "RCPT TO:<dörte@example.com>", "RCPT TO:<b@bücher.example>")
        self.assertEqual(said, ["250 2.1.0", "553 5.6.7", "553 5.6.7"])
        said = self.talk.lines("RSET", "MAIL FROM:<dörte@bücher.example> SMTPUTF8")
        self.assertEqual(said, ["250 2.0.0", "250 2.1.0"])
        path = self.talk.last.envelope.reverse_path
        self.assertEqual(path, Address("dörte", "xn--bcher-kva.example"))
        self.assertEqual(self.talk.lines("RCPT TO:<ärger@example.com>"), ["250 2.0.0"])

    def test_recipients_are_limited(self) -> None:
        talk = self.new_talk(SessionOptions("mx.example.com", 1000, recipients=2))
        self.assertIn(b"LIMITS RCPTMAX=2\r\n", talk.say(b"EHLO x\r\n"))
        said = talk.lines(MAIL, RCPT, RCPT, RCPT, RCPT, "DATA")
        self.assertEqual(said, ["250 2.1.0"] + ["250 2.0.0"] * 2 + ["452 4.5.3"] * 2 + ["354"])
        self.assertEqual(len(talk.last.paths), 2)

    def test_ten_thousand_recipients(self) -> None:
        said = self.talk.lines(MAIL, *[f"RCPT TO:<b{n}@example.com>" for n in range(10_000)])
        self.assertEqual(said[1:1001], ["250 2.0.0"] * 1000)
        self.assertEqual(said[1001:], ["452 4.5.3"] * 9000)
        refused = [line for line in self.talk.events.lines if "4.5.3" in line]
        self.assertEqual(len(refused), 1, "one line for the operator, not nine thousand")
        said = codes_of_message(self.talk)
        self.assertEqual(said, ["354", "250 2.0.0"])
        self.assertEqual(len(self.talk.last.paths), 1000)


class ContentTests(TalkCase):
    def test_a_message(self) -> None:
        said = self.talk.lines(MAIL, RCPT, "DATA", "Subject: hi", "", "..dots", ".", "QUIT")
        self.assertEqual(said, ["250 2.1.0", "250 2.0.0", "354", "250 2.0.0", "221 2.0.0"])
        self.assertEqual(self.talk.last.content, b"Subject: hi\r\n\r\n.dots\r\n")
        self.assertEqual(self.talk.last.fate, "ended")
        self.assertEqual(
            self.talk.reception.questions,
            ["transaction", "recipient", "begin", "end"],
        )

    def test_two_messages(self) -> None:
        for text in ("one", "two"):
            said = self.talk.lines(MAIL, RCPT, "DATA", text, ".")
            self.assertEqual(said, ["250 2.1.0", "250 2.0.0", "354", "250 2.0.0"])
            self.assertEqual(self.talk.last.content, text.encode() + b"\r\n")
            self.assertEqual(len(self.talk.last.paths), 1)

    def test_refused_before_the_content(self) -> None:
        self.talk.reception.answers["begin"] = Status(451, "4.3.0", "Not now")
        said = self.talk.lines(MAIL, RCPT, "DATA", MAIL)
        self.assertEqual(said, ["250 2.1.0", "250 2.0.0", "451 4.3.0", "250 2.1.0"])
        self.assertEqual(self.talk.reception.transactions[0].fate, "abandoned")

    def test_refused_at_the_end(self) -> None:
        self.talk.reception.answers["end"] = [Status(554, "5.7.1", "No", "a cause for us alone")]
        reply = self.talk.say(f"{MAIL}\r\n{RCPT}\r\nDATA\r\n.\r\n".encode())
        self.assertIn(b"554 5.7.1 No\r\n", reply)
        self.assertNotIn(b"cause", reply)
        self.assertIn("554 5.7.1 No [a cause for us alone]", self.talk.events.lines[-1])

    def test_one_reply_whatever_the_reception_says(self) -> None:
        for statuses in ([], [BUSY.because("x")], [Status(250, "2.0.0", "OK")] * 3):
            talk = self.new_talk()
            talk.reception.answers["end"] = statuses
            self.assertEqual(len(talk.lines(MAIL, RCPT, RCPT, "DATA", ".")), 5)

    def test_each_refused_message_is_logged(self) -> None:
        self.talk.reception.answers["end"] = [Status(554, "5.7.1", "No")]
        for count in (1, 2, 3):
            self.talk.lines(MAIL, RCPT, "DATA", ".")
            self.assertEqual(len(self.talk.events.emitted), count)

    def test_a_line_over_16384_octets_stays_in_the_content(self) -> None:
        """twisted.mail falls back to reading commands there."""
        for length in (998, 16383, 16384, 16385, 70_000):
            line = b"x" * length
            self.talk.lines(MAIL, RCPT, "DATA")
            for start in range(0, length, 1000):
                self.assertEqual(self.talk.say(line[start : start + 1000]), b"")
            self.assertEqual(self.talk.say(b"\r\nMAIL FROM:<evil@example.net>\r\n"), b"")
            self.assertEqual(self.talk.lines("."), ["250 2.0.0"])
            self.assertEqual(self.talk.last.content, line + b"\r\nMAIL FROM:<evil@example.net>\r\n")

    def test_slow_disk_is_waited_for(self) -> None:
        self.talk.reception.slow.add("write")
        self.talk.lines(MAIL, RCPT, "DATA")
        self.assertEqual(self.talk.say(b"one\r\n"), b"")
        self.talk.session.receive(b"two\r\n.\r\nNOOP\r\n")
        self.assertEqual(self.talk.last.content, b"one\r\n"[:3])
        self.talk.reception.release()
        self.talk.reception.release()
        self.assertIn(b"250 2.0.0 Taken\r\n250 2.0.0 OK\r\n", self.talk.wire.take())
        self.assertEqual(self.talk.last.content, b"one\r\ntwo\r\n")
