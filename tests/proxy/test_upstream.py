"""One connection to the server: extensions that both sides support, commands, lost connections."""

from __future__ import annotations

from mailhost.config.model import RouteTLS
from tests.proxy.fake_upstream import LOST
from tests.proxy.talking import ENVELOPE, FIRST, LARGE, MESSAGE, SECOND, TLS, Caller, ProxyCase

MAIL, RCPT = ENVELOPE
GONE = "421 4.4.2 The mail server behind this one went away; please try again later"

OWN = {"PIPELINING", "SIZE", "CHUNKING", "LIMITS", "STARTTLS", "HELP"}


def keywords(lines: list[str]) -> set[str]:
    """Return the first word of each line."""
    return {line.split(" ")[0] for line in lines}


class OfferedTests(ProxyCase):
    """The reply to EHLO."""

    def offered(self, *offers: str) -> list[str]:
        """Return the reply to EHLO, given the offers of the server."""
        self.first.offers = offers
        return self.connect().hello()

    def test_a_server_that_can_do_nothing(self) -> None:
        self.assertEqual(keywords(self.offered("HELP")), OWN)

    def test_each_keyword_needs_the_server(self) -> None:
        for word in ("8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES"):
            self.assertEqual(keywords(self.offered(word)), OWN | {word})

    def test_keywords_in_lower_case_count(self) -> None:
        self.assertIn("8BITMIME", self.offered("8bitmime"))

    def test_unknown_keywords_are_not_passed_on(self) -> None:
        text = ("VRFY", "ETRN", "XCLIENT ADDR", "REQUIRETLS", "DELIVERBY 240", "BURL", "STARTTLS")
        self.assertEqual(keywords(self.offered(*text)), OWN)

    def test_binary_messages_need_chunking_behind_us(self) -> None:
        self.assertNotIn("BINARYMIME", self.offered("BINARYMIME", "8BITMIME"))
        self.assertIn("BINARYMIME", self.offered("BINARYMIME", "CHUNKING"))

    def test_the_smaller_size_counts(self) -> None:
        self.make(message_size=1000)
        sizes = {
            "SIZE 999": "SIZE 999",
            "SIZE 1001": "SIZE 1000",
            "SIZE 0": "SIZE 1000",
            "SIZE": "SIZE 1000",
            "SIZE many": "SIZE 1000",
            "SIZE " + "9" * 30: "SIZE 1000",
            "SIZE 900 octets": "SIZE 900",
        }
        for theirs, ours in sizes.items():
            self.assertIn(ours, self.offered(theirs), theirs)

    def test_the_smaller_limit_of_recipients_counts(self) -> None:
        self.make(recipients=100)
        for theirs, ours in {
            "RCPTMAX=50": 50,
            "MAILMAX=2 RCPTMAX=500": 100,
            "MAILMAX=2": 100,
        }.items():
            self.assertIn(f"LIMITS RCPTMAX={ours}", self.offered(f"LIMITS {theirs}"))

    def test_a_server_that_knows_no_ehlo(self) -> None:
        self.first.replies["EHLO"] = "502 5.5.1 what?"
        self.assertEqual(keywords(self.connect().hello()), OWN)
        self.assertIn("HELO proxy.example", self.first.said)

    def test_helo_offers_nothing(self) -> None:
        self.assertEqual(self.connect().say("HELO client.example"), ["250 proxy.example"])

    def test_each_hello_gets_the_offers_of_the_present_server(self) -> None:
        self.make(FIRST, SECOND)
        self.first.offers, self.second.offers = ("DSN",), ("8BITMIME",)
        caller = self.connect()
        self.assertIn("DSN", caller.hello())
        self.first.last.lose()
        del self.net.servers["192.0.2.1:25"]
        self.assertEqual(keywords(caller.hello()), OWN | {"8BITMIME"})


class ParameterTests(ProxyCase):
    """MAIL and RCPT are passed on with the parameters that the server offers."""

    def caller_of(self, *offers: str) -> Caller:
        """Return a client whose server has these offers."""
        self.first.offers = offers
        caller = self.caller()
        self.first.take()
        return caller

    def assert_passed_on(self, offer: str, command: str, wanted: str = "") -> None:
        """The server must get the command unchanged if it has that offer."""
        caller = self.caller_of(offer)
        [reply] = caller.say(command)
        self.assertEqual(reply[:3], "250", reply)
        self.assertEqual(self.first.take(), [wanted or command])
        caller.go()
        self.net.turn(10)

    def test_parameters_of_mail(self) -> None:
        mail = "MAIL FROM:<sue@far.example>"
        self.assert_passed_on("SIZE 5000", f"{mail} SIZE=4000")
        self.assert_passed_on("8BITMIME", f"{mail} BODY=8BITMIME")
        self.assert_passed_on("SMTPUTF8", f"{mail} SMTPUTF8")
        self.assert_passed_on("DSN", f"{mail} RET=HDRS ENVID=QQ+3D314159")
        self.assert_passed_on("HELP", f"{mail} SIZE=4000", mail)
        self.assert_passed_on("8BITMIME", f"{mail} BODY=7BIT", mail)

    def test_addresses_outside_ascii(self) -> None:
        caller = self.caller_of("SMTPUTF8")
        envelope = ("MAIL FROM:<jörg@far.example> SMTPUTF8", "RCPT TO:<ünal@here.example>")
        caller.say(*envelope)
        self.assertEqual(self.first.take(), [*envelope])

    def test_parameters_of_rcpt(self) -> None:
        caller = self.caller_of("DSN")
        rcpt = "RCPT TO:<ann@here.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+2Bb@here.example"
        self.assertEqual(caller.say(ENVELOPE[0], rcpt)[-1][:3], "250")
        self.assertEqual(self.first.take()[-1], rcpt)
        self.assertEqual(caller.say("RCPT TO:<bob@here.example> NOTIFY=NEVER")[-1][:3], "250")
        self.assertEqual(self.first.take()[-1], "RCPT TO:<bob@here.example> NOTIFY=NEVER")

    def test_addresses_are_the_servers_to_judge(self) -> None:
        caller = self.caller_of("DSN")
        for local in ("try..this.", '"try..this."', "user+caf_=" + "x" * 600):
            envelope = (f"MAIL FROM:<{local}@far.example>", f"RCPT TO:<{local}@here.example>")
            self.assertEqual([each[:3] for each in caller.say(*envelope)], ["250", "250"])
            self.assertEqual(self.first.take(), [*envelope])
            caller.say("DATA", *MESSAGE)
            self.first.take()

    def test_parameters_that_are_not_encoded_go_on_as_xtext(self) -> None:
        caller = self.caller_of("DSN")
        raw = "RCPT TO:<ann@here.example> ORCPT=rfc822;ann+x=y@here.example"
        replies = caller.say(f"{ENVELOPE[0]} ENVID=a+x", raw)
        self.assertEqual([each[:3] for each in replies], ["250", "250"])
        wanted = "RCPT TO:<ann@here.example> ORCPT=rfc822;ann+2Bx+3Dy@here.example"
        self.assertEqual(self.first.take(), [f"{ENVELOPE[0]} ENVID=a+2Bx", wanted])

    def test_what_was_not_offered_is_refused_here(self) -> None:
        caller = self.caller_of("HELP")
        for parameter in ("BODY=8BITMIME", "BODY=BINARYMIME", "SMTPUTF8", "RET=FULL", "ENVID=a"):
            [reply] = caller.say(f"{ENVELOPE[0]} {parameter}")
            self.assertEqual(reply[:9], "555 5.5.4", parameter)
        caller.say(ENVELOPE[0])
        for parameter in ("NOTIFY=NEVER", "ORCPT=rfc822;a@b"):
            self.assertEqual(caller.say(f"{ENVELOPE[1]} {parameter}")[-1][:9], "555 5.5.4")
        self.assertEqual(self.first.take(), [ENVELOPE[0]])

    def test_what_is_larger_than_the_server_takes_is_refused_here(self) -> None:
        caller = self.caller_of("SIZE 1000")
        self.assertEqual(caller.say(f"{ENVELOPE[0]} SIZE=1001")[-1][:9], "552 5.3.4")
        lines = ["x" * 70] * 20
        self.assertEqual(caller.say(*ENVELOPE, "DATA", "", *lines, ".")[-1][:9], "552 5.3.4")
        self.assertEqual(self.first.mail, [])

    def test_more_recipients_than_the_server_takes(self) -> None:
        caller = self.caller_of("LIMITS RCPTMAX=1")
        replies = caller.say(*ENVELOPE, "RCPT TO:<bob@here.example>")
        self.assertEqual(replies[-1][:9], "452 4.5.3")


class ChunkTests(ProxyCase):
    """The proxy itself offers BDAT: a message is passed on by DATA, unless it is binary."""

    def test_chunks_go_on_as_data(self) -> None:
        self.make(trace=False)
        caller = self.caller()
        caller.say(*ENVELOPE)
        caller.give(b"BDAT 6\r\na: b\r\n")
        [reply] = caller.give(b"BDAT 10 LAST\r\n\r\n.hello\r\n")
        self.assertEqual(reply, "250 2.0.0 taken as 4711")
        self.assertEqual(self.first.mail[0][-1], "a: b\r\n\r\n.hello\r\n")
        self.assertIn("DATA", self.first.said)

    def test_a_binary_message_goes_as_one_chunk(self) -> None:
        self.make(trace=False)
        self.first.offers = ("CHUNKING", "BINARYMIME", "8BITMIME")
        caller = self.caller()
        mail = f"{ENVELOPE[0]} BODY=BINARYMIME"
        caller.say(mail, ENVELOPE[1])
        caller.give(b"BDAT 6\r\na: b\r\n")
        [reply] = caller.give(b"BDAT 7 LAST\r\n\r\n\0\r\n.\n")
        self.assertEqual(reply, "250 2.0.0 taken as 4711")
        self.assertEqual(self.first.mail[0][-1], "a: b\r\n\r\n\0\r\n.\n")
        self.assertIn(mail, self.first.said)
        self.assertIn("BDAT 13 LAST", self.first.said)

    def test_the_server_refuses_the_chunk(self) -> None:
        self.first.offers = ("CHUNKING", "BINARYMIME")
        self.first.end = "554 5.6.0 no such thing here"
        caller = self.caller()
        caller.say(f"{ENVELOPE[0]} BODY=BINARYMIME", ENVELOPE[1])
        self.assertEqual(caller.give(b"BDAT 1 LAST\r\n\n"), ["554 5.6.0 no such thing here"])

    def test_bare_line_ends_in_text_go_nowhere(self) -> None:
        caller = self.caller()
        caller.say(*ENVELOPE)
        [reply] = caller.give(b"BDAT 5 LAST\r\n\n.\r\n\n")
        self.assertEqual(reply[:3], "554")
        self.assertEqual(self.first.mail, [])
        self.assertEqual(caller.say(*ENVELOPE, "DATA", *MESSAGE)[-1][:3], "250")


class GoneTests(ProxyCase):
    """The server closes the connection: the client keeps its mail, and may try again."""

    def assert_sent_away(self, caller: Caller, replies: list[str], text: str = GONE) -> None:
        """The last reply is a 421, and the connection ends with it."""
        self.assertEqual(replies[-1], text)
        self.assertTrue(caller.wire.hung_up)
        self.assertEqual(self.first.mail, [])

    def test_at_mail(self) -> None:
        self.first.replies["MAIL"] = LOST
        caller = self.caller()
        self.assert_sent_away(caller, caller.say(MAIL))

    def test_before_mail_and_back_no_more(self) -> None:
        caller = self.caller()
        self.first.last.lose()
        del self.net.servers["192.0.2.1:25"]
        [reply] = caller.say(MAIL)
        self.assertEqual(reply[:9], "421 4.4.1")
        self.assertTrue(caller.wire.hung_up)

    def test_between_recipients(self) -> None:
        self.first.replies["RCPT TO:<bob@here.example>"] = LOST
        caller = self.caller()
        replies = caller.say(*ENVELOPE, "RCPT TO:<bob@here.example>", "RCPT TO:<c@here.example>")
        self.assert_sent_away(caller, replies)
        self.assertEqual(len(replies), 3)

    def test_while_the_client_sends_content(self) -> None:
        caller = self.caller()
        caller.say(*ENVELOPE, "DATA")
        self.first.last.lose()
        [reply] = caller.say(*MESSAGE)
        self.assertEqual(reply[:9], "451 4.4.2")
        self.assertIn("before it took the message", reply)
        self.assertEqual(caller.send()[-1][:3], "250")

    def test_at_data(self) -> None:
        self.first.replies["DATA"] = LOST
        [*_, reply] = self.caller().send()
        self.assertEqual(reply[:9], "451 4.4.2")

    def test_in_the_middle_of_the_content(self) -> None:
        self.first.stalls = True
        caller = self.caller()
        self.assertEqual(caller.send(message=LARGE)[-1][:3], "354")
        self.first.last.lose()
        [reply] = caller.wait()
        self.assertEqual(reply[:9], "451 4.4.2")
        self.assertIn("before it took the message", reply)

    def test_after_the_final_dot(self) -> None:
        self.first.end = LOST
        [*_, reply] = self.caller().send()
        self.assertEqual(reply[:9], "451 4.4.2")
        self.assertIn("did not say whether it took the message", reply)

    def test_it_says_421(self) -> None:
        for verb in ("MAIL", "RCPT"):
            self.first.replies = {verb: "421 4.3.2 going down"}
            caller = self.caller()
            self.assert_sent_away(caller, caller.say(*ENVELOPE), "421 4.3.2 going down")

    def test_it_says_421_to_the_message(self) -> None:
        self.first.end = "421 4.3.2 going down"
        caller = self.caller()
        self.assert_sent_away(caller, caller.send(), "421 4.3.2 going down")

    def test_it_says_421_to_data(self) -> None:
        self.first.replies = {"DATA": "421 4.3.2 going down"}
        caller = self.caller()
        self.assert_sent_away(caller, caller.send(), "421 4.3.2 going down")

    def test_it_says_421_unasked(self) -> None:
        caller = self.caller()
        caller.say(MAIL)
        self.first.last.say("421 4.3.2 going down")
        self.assert_sent_away(caller, caller.say(RCPT), "421 4.3.2 going down")

    def test_a_message_taken_before_its_end_was_not_taken(self) -> None:
        self.first.stalls = True
        caller = self.caller()
        caller.send(message=LARGE)
        self.first.last.say("250 2.0.0 thank you")
        [reply] = caller.wait()
        self.assertEqual(reply[:9], "451 4.4.2")
        self.assertEqual(self.first.open, 0)

    def test_nonsense_is_the_end_of_the_connection(self) -> None:
        self.first.replies["RCPT"] = "hello?"
        caller = self.caller()
        self.assert_sent_away(caller, caller.say(*ENVELOPE))
        self.assertEqual(self.first.open, 0)


class SlowTests(ProxyCase):
    """The server is slow, or does not answer before the timeout."""

    def assert_patience(self, caller: Caller, seconds: float) -> str:
        """There must be no reply before that time; return the reply after it."""
        self.assertEqual(caller.wait(seconds - 1), [])
        [reply] = caller.wait(2)
        self.assertEqual(self.first.open, 0)
        return reply

    def test_a_slow_answer_is_waited_for(self) -> None:
        self.first.replies["RCPT"] = None
        caller = self.caller()
        caller.say(*ENVELOPE)
        self.assertEqual(caller.wait(100), [])
        self.first.last.say("250 2.1.5 at last")
        self.assertEqual(caller.wait(), ["250 2.1.5 at last"])

    def test_no_answer_to_mail(self) -> None:
        self.first.replies["MAIL"] = None
        caller = self.caller()
        self.assertEqual(caller.say(MAIL), [])
        self.assertEqual(self.assert_patience(caller, 120), GONE)

    def test_no_answer_to_data(self) -> None:
        self.first.replies["DATA"] = None
        caller = self.caller()
        caller.send()
        self.assertEqual(self.assert_patience(caller, 120)[:9], "451 4.4.2")

    def test_content_that_is_not_read(self) -> None:
        self.first.stalls = True
        caller = self.caller()
        caller.send(message=LARGE)
        self.assertIn("before it took", self.assert_patience(caller, 180))

    def test_no_answer_to_the_message(self) -> None:
        self.first.end = None
        caller = self.caller()
        caller.send()
        self.assertIn("did not say whether", self.assert_patience(caller, 600))

    def test_no_greeting(self) -> None:
        self.first.greeting = None
        caller = self.connect()
        self.assertEqual(caller.say("EHLO client.example"), [])
        self.assertEqual(self.assert_patience(caller, 60)[:9], "421 4.4.1")


class RequireTLSTests(ProxyCase):
    """RFC 8689: offered where the server offers it, over TLS with a verified certificate."""

    def offered(self, tls: RouteTLS) -> Caller:
        """Return a client over TLS, of a proxy that uses TLS in this way."""
        self.make(tls=tls)
        self.first.offers = ("STARTTLS",)
        self.first.offers_after["STARTTLS"] = ("REQUIRETLS",)
        return self.connect(tls=TLS)

    def test_it_is_passed_on(self) -> None:
        caller = self.offered(RouteTLS.REQUIRE)
        self.assertIn("REQUIRETLS", caller.hello())
        caller.send(f"{MAIL} REQUIRETLS", RCPT)
        self.assertIn(f"{MAIL} REQUIRETLS", self.first.said)

    def test_an_unverified_server_is_not_enough(self) -> None:
        caller = self.offered(RouteTLS.OPPORTUNISTIC)
        self.assertNotIn("REQUIRETLS", caller.hello())
        self.assertEqual(caller.say(f"{MAIL} REQUIRETLS")[0][:9], "555 5.5.4")

    def test_a_client_without_tls_is_not_offered_it(self) -> None:
        self.offered(RouteTLS.REQUIRE)
        self.assertNotIn("REQUIRETLS", self.connect().hello())

    def test_a_later_connection_without_it_is_no_silent_downgrade(self) -> None:
        caller = self.offered(RouteTLS.REQUIRE)
        caller.hello()
        self.first.links[-1].lose()
        self.first.offers_after["STARTTLS"] = ()
        self.assertEqual(caller.say(f"{MAIL} REQUIRETLS")[0][:10], "451 4.7.30")
        self.assertNotIn("MAIL", " ".join(self.first.said))
