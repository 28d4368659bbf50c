"""The reply to EHLO, and the refusal of extensions that the reception does not support."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.extensions import EVERYTHING, OWN, Extensions
from mailhost.message.envelope import Notify
from mailhost.message.status import NO_STORAGE
from mailhost.smtp.server.ehlo import encode_hello
from mailhost.smtp.server.options import SessionOptions
from tests.smtp.fakes import TalkCase, check_reply

PLAIN = Extensions(1000, 2, frozenset())


class FewerExtensionsTests(TalkCase):
    def setUp(self) -> None:
        self.talk = self.new_talk(hello=False)
        self.talk.reception.answers["hello"] = PLAIN

    def test_the_reply_to_ehlo_offers_what_the_reception_says(self) -> None:
        reply = self.talk.say(b"EHLO client.example\r\n").decode()
        self.assertIn("250-SIZE 1000\r\n", reply)
        self.assertIn("250-LIMITS RCPTMAX=2\r\n", reply)
        for word in EVERYTHING:
            self.assertNotIn(word, reply)

    def test_what_is_not_offered_is_refused(self) -> None:
        self.talk.lines("EHLO client.example")
        for parameter in ("BODY=8BITMIME", "BODY=BINARYMIME", "SMTPUTF8", "RET=HDRS", "ENVID=x"):
            self.assertEqual(self.talk.lines(f"MAIL FROM:<a@b.example> {parameter}"), ["555 5.5.4"])
        self.assertEqual(self.talk.lines("MAIL FROM:<a@b.example> SIZE=1001"), ["552 5.3.4"])
        self.assertEqual(self.talk.lines("MAIL FROM:<a@b.example> BODY=7BIT"), ["250 2.1.0"])
        for parameter in ("NOTIFY=NEVER", "ORCPT=rfc822;x"):
            self.assertEqual(self.talk.lines(f"RCPT TO:<a@b.example> {parameter}"), ["555 5.5.4"])

    def test_the_bounds_are_those_of_the_reception(self) -> None:
        self.talk.lines("EHLO client.example", "MAIL FROM:<a@b.example>")
        paths = [f"RCPT TO:<{name}@b.example>" for name in "abc"]
        self.assertEqual(self.talk.lines(*paths), ["250 2.0.0", "250 2.0.0", "452 4.5.3"])
        content = "x" * 990 + "\r\n"
        self.assertEqual(self.talk.lines("DATA", content + "x" * 20, "."), ["354", "552 5.3.4"])

    def test_a_second_hello_may_offer_more(self) -> None:
        self.talk.lines("EHLO client.example")
        self.talk.reception.answers["hello"] = None
        self.assertIn(b"SMTPUTF8", self.talk.say(b"EHLO client.example\r\n"))

    def test_content_that_could_not_be_kept(self) -> None:
        self.talk.reception.answers["finish"] = NO_STORAGE
        self.talk.lines("EHLO client.example", "MAIL FROM:<a@b.example>", "RCPT TO:<c@b.example>")
        self.assertEqual(self.talk.lines("DATA", "x", "."), ["354", "452 4.3.1"])
        self.assertEqual(self.talk.last.fate, "abandoned")


class IgnoredTests(TalkCase):
    """DSN is ignored: it is not offered, and clients use it nevertheless."""

    def setUp(self) -> None:
        self.talk = self.new_talk(hello=False)
        self.talk.reception.answers["hello"] = Extensions(1000, 9).ignoring("DSN")

    def test_it_is_not_offered_and_all_else_is(self) -> None:
        reply = self.talk.say(b"EHLO client.example\r\n").decode()
        for word in EVERYTHING:
            self.assertEqual(word in reply, word in OWN - {"DSN", "REQUIRETLS"}, word)

    def test_no_mail_is_refused_for_it_and_no_success_is_reported(self) -> None:
        self.talk.lines("EHLO client.example", "MAIL FROM:<a@b.example> RET=HDRS ENVID=x")
        for notify in ("SUCCESS", "SUCCESS,FAILURE", "NEVER", "DELAY"):
            reply = self.talk.lines(f"RCPT TO:<c@b.example> NOTIFY={notify} ORCPT=rfc822;x@y")
            self.assertEqual(reply, ["250 2.0.0"])
        self.talk.lines("RCPT TO:<c@b.example>")
        found = [path.notify for path in self.talk.last.paths]
        wanted = [Notify.NEVER, Notify.FAILURE, Notify.NEVER, Notify.DELAY, None]
        self.assertEqual(found, wanted)
        self.assertEqual(self.talk.last.envelope.envelope_id, "x")


class HelloTests(SynchronousTestCase):
    options = SessionOptions("mx.example.com", 10_000_000, recipients=50)

    def offered(
        self, options: SessionOptions, starttls: bool, mechanisms: tuple[str, ...]
    ) -> list[str]:
        reply = encode_hello(options.hostname, options.extensions, False, starttls, mechanisms)
        check_reply(reply)
        return [line[4:] for line in reply.decode().split("\r\n")[1:-1]]

    def test_always(self) -> None:
        offered = self.offered(self.options, False, ())
        for extension in (
            "PIPELINING",
            "SIZE 10000000",
            "8BITMIME",
            "CHUNKING",
            "SMTPUTF8",
            "DSN",
            "ENHANCEDSTATUSCODES",
            "LIMITS RCPTMAX=50",
        ):
            self.assertIn(extension, offered)
        self.assertNotIn("BINARYMIME", offered)
        self.assertNotIn("STARTTLS", offered)
        self.assertFalse(any(line.startswith("AUTH") for line in offered))

    def test_only_what_there_is(self) -> None:
        self.assertIn("STARTTLS", self.offered(self.options, True, ()))
        self.assertIn("AUTH PLAIN LOGIN", self.offered(self.options, False, ("PLAIN", "LOGIN")))
        self.assertIn("SIZE 5", self.offered(replace(self.options, message_size=5), False, ()))
