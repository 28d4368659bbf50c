"""A message through the proxy: every answer is the server's, and so is every failure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from mailhost.interfaces.events import PassedOn, Received
from mailhost.interfaces.verdict import quarantine
from tests.proxy.fake_upstream import LOST
from tests.proxy.talking import ENVELOPE, LARGE, MESSAGE, Caller, ProxyCase
from tests.reception.filters.chain_fakes import ChainWorld, Saying

MAIL, RCPT = ENVELOPE
GONE = "421 4.4.2 The mail server behind this one went away; please try again later"


class PassedOnTests(ProxyCase):
    """What the server says comes back as it said it."""

    def test_a_message_arrives_with_our_trace_field(self) -> None:
        replies = self.caller().send()
        self.assertEqual(replies[-1], "250 2.0.0 taken as 4711")
        [(sender, to, content)] = self.first.mail
        self.assertEqual((sender, to), ("sue@far.example", "ann@here.example"))
        self.assertTrue(content.startswith("Received: from client.example"), content)
        self.assertTrue(content.endswith("\r\nSubject: hello\r\n\r\nhello\r\n"), content)
        self.assertEqual(len(self.events.of(Received)), 1)
        [passed_on] = self.events.of(PassedOn)
        self.assertIn("tcp:192.0.2.1:25: 250 2.0.0 taken as 4711", passed_on.line)

    def test_the_words_for_the_sender_are_the_servers_too(self) -> None:
        self.first.replies["MAIL"] = "250 2.1.0 Sue is always welcome"
        self.assertEqual(self.caller().say(MAIL), ["250 2.1.0 Sue is always welcome"])

    def test_http_and_chunks_without_a_size_never_reach_the_server(self) -> None:
        for lines, answer in (
            (["POST / HTTP/1.1", "EHLO x", MAIL], "500 5.5.1"),
            (["BDAT x LAST", MAIL], "501 5.5.4"),
        ):
            caller = self.connect()
            self.assertEqual([each[:9] for each in caller.say(*lines)], [answer])
            self.assertEqual(self.first.take(), [])

    def test_without_a_trace_field_the_octets_are_the_same(self) -> None:
        self.make(trace=False)
        self.caller().send()
        self.assertEqual(self.first.mail[0][-1], "Subject: hello\r\n\r\nhello\r\n")

    def test_dots_arrive_as_they_were_written(self) -> None:
        self.make(trace=False)
        self.caller().say(*ENVELOPE, "DATA", "a: b", "", "..", "...x", ".")
        self.assertEqual(self.first.mail[0][-1], "a: b\r\n\r\n.\r\n..x\r\n")

    def test_a_large_message_waits_in_a_file(self) -> None:
        self.make(trace=False, memory=100)
        lines = ["x" * 70] * 50
        self.assertEqual(self.caller().say(*ENVELOPE, "DATA", "", *lines, ".")[-1][:3], "250")
        self.assertEqual(self.first.mail[0][-1], "\r\n" + "".join(f"{line}\r\n" for line in lines))

    def test_the_server_is_asked_before_the_content_comes(self) -> None:
        caller = self.caller()
        self.first.take()
        caller.say(*ENVELOPE)
        self.assertEqual(self.first.take(), [*ENVELOPE])
        caller.say("DATA")
        caller.say("Subject: half a message")
        self.assertEqual(self.first.take(), [])

    def test_each_recipient_has_the_servers_words_and_code(self) -> None:
        self.first.replies = {
            "RCPT TO:<a@here.example>": "250 2.1.5 a is fine",
            "RCPT TO:<b@here.example>": "550 5.7.1 b wants no mail",
            "RCPT TO:<c@here.example>": "451-4.7.1 c is greylisted\r\n451 4.7.1 for a minute",
            "RCPT TO:<d@here.example>": "251 2.1.5 d will be forwarded",
            "RCPT TO:<e@here.example>": "552 e has no enhanced code",
        }
        replies = self.caller().say(MAIL, *[f"RCPT TO:<{name}@here.example>" for name in "abcde"])
        self.assertEqual(
            replies[1:],
            [
                "250 2.1.5 a is fine",
                "550 5.7.1 b wants no mail",
                "451-4.7.1 c is greylisted",
                "451 4.7.1 for a minute",
                "251 2.1.5 d will be forwarded",
                "552 e has no enhanced code",
            ],
        )

    def test_those_that_were_accepted_get_the_message(self) -> None:
        self.first.replies["RCPT TO:<b@here.example>"] = "550 5.1.1 nobody"
        names = [f"RCPT TO:<{name}@here.example>" for name in "abc"]
        self.assertEqual(self.caller().send(MAIL, *names)[-1][:3], "250")
        accepted = ("a@here.example", "c@here.example")
        self.assertEqual(self.first.mail[0][1:3], accepted)
        [received] = self.events.of(Received)
        self.assertEqual(tuple(map(str, received.recipients)), accepted)

    def test_a_sender_that_the_server_refuses(self) -> None:
        self.first.replies["MAIL"] = "553 5.7.1 sender rejected"
        self.assertEqual(self.caller().say(MAIL), ["553 5.7.1 sender rejected"])

    def test_the_final_answer_is_the_servers(self) -> None:
        caller = self.caller()
        for answer in ("554 5.7.1 this is spam", "452 4.2.2 no room"):
            self.first.end = answer
            self.assertEqual(caller.send()[-1], answer)
        self.assertEqual(self.events.of(PassedOn), [])

    def test_data_that_the_server_refuses(self) -> None:
        self.first.replies["DATA"] = "451 4.3.0 not now"
        self.assertEqual(self.caller().send()[-1], "451 4.3.0 not now")

    def test_an_answer_without_sense_is_temporary(self) -> None:
        self.first.replies = {"RCPT": "354 go on"}
        [_, reply] = self.caller().say(*ENVELOPE)
        self.assertEqual(reply[:9], "451 4.5.0")

    def test_no_yes_before_the_content_is_one(self) -> None:
        """A server that answers DATA with 250 has no message, and the client is to keep it."""
        for answer in ("250 2.0.0 taken", "220 hello", "354 x\r\n250 2.0.0 taken"):
            self.setUp()
            self.first.replies = {"DATA": answer}
            caller = self.caller()
            self.assertIn(caller.send()[-1][:3], ("421", "451"), answer)
            self.assertEqual(self.first.mail, [])

    def test_a_message_in_circles_is_refused_here(self) -> None:
        self.make(hops=1)
        caller = self.caller()
        caller.say(*ENVELOPE, "DATA")
        reply = caller.say("Received: from a", "Received: from b", "", ".")[-1]
        self.assertEqual(reply[:9], "554 5.4.6")
        self.assertEqual(self.first.mail, [])
        self.assertEqual(caller.send()[-1][:3], "250")

    def test_more_header_than_is_read_is_refused_here(self) -> None:
        self.first.offers = ()
        caller = self.connect()
        caller.say("EHLO client.example", *ENVELOPE, "DATA")
        reply = caller.say(*[f"X-Y: {'x' * 900}"] * 600, "From: eve", "", ".")[-1]
        self.assertEqual(reply[:9], "554 5.6.0")
        self.assertEqual(self.first.mail, [])

    def test_a_body_becomes_no_header(self) -> None:
        for trace in (True, False):
            self.make(trace=trace)
            self.first.mail.clear()
            caller = self.caller()
            caller.send(message=("From sue 2023", "A: 1", "hello", "From: eve", "."))
            caller.send(message=("  hello", "A: 1", "."))
            first, second = (content.partition("+0000\r\n") for *_, content in self.first.mail)
            rests = [whole[2] if trace else whole[0] for whole in (first, second)]
            self.assertEqual(
                rests, ["A: 1\r\n\r\nhello\r\nFrom: eve\r\n", "\r\n  hello\r\nA: 1\r\n"]
            )


class HeldTests(ProxyCase):
    """What filters hold back is sent on by our own queue when it is released."""

    def test_it_has_our_trace_field_whatever_the_proxy_adds(self) -> None:
        self.chain = ChainWorld().chain(Saying(quarantine("looks odd")))
        for trace in (True, False):
            self.make(trace=trace)
            self.assertEqual(self.caller().send()[-1][:3], "250")
        self.assertEqual(self.first.mail, [])
        for _, content, _ in self.queue.kept:
            self.assertTrue(content.startswith(b"Received: from client.example"), content)
            self.assertTrue(content.endswith(b"\r\nSubject: hello\r\n\r\nhello\r\n"), content)
        self.assertEqual(self.queue.held, ["looks odd"] * 2)

    def test_it_has_passed_the_rules(self) -> None:
        self.chain = ChainWorld().chain(Saying(quarantine("looks odd")))
        self.make(hops=0)
        reply = self.caller().send(message=("Received: x", "", "."))[-1]
        self.assertEqual((reply[:9], self.queue.kept), ("554 5.4.6", []))


class PipelinedTests(ProxyCase):
    """Recipients that come in a row."""

    NAMES = ("ann", "nobody", "bob", "eve")

    def rcpts(self) -> list[str]:
        """Four of them, one unknown."""
        self.first.replies["RCPT TO:<nobody@here.example>"] = "550 5.1.1 nobody"
        return [f"RCPT TO:<{name}@here.example>" for name in self.NAMES]

    def test_they_go_on_in_a_row_and_each_has_its_answer(self) -> None:
        caller = self.caller()
        self.first.wrote.clear()
        replies = caller.say(MAIL, *self.rcpts(), "DATA")
        self.assertEqual([line[:3] for line in replies], ["250", "250", "550", "250", "250", "354"])
        self.assertEqual(self.first.wrote, [1, 4])  # commands that came at once
        self.assertEqual(caller.say(*MESSAGE)[-1][:3], "250")
        recipients = [f"{name}@here.example" for name in ("ann", "bob", "eve")]
        self.assertEqual(self.first.mail[0][1:-1], tuple(recipients))

    def test_not_where_the_server_wants_one_at_a_time(self) -> None:
        self.first.offers = ("SIZE 500000",)
        caller = self.caller()
        self.first.wrote.clear()
        caller.say(MAIL, *self.rcpts())
        self.assertEqual(self.first.wrote, [1] * 5)

    def test_a_server_that_goes_in_between_ends_it_for_all(self) -> None:
        caller = self.caller()
        self.first.replies["RCPT TO:<bob@here.example>"] = LOST
        replies = caller.say(MAIL, *self.rcpts())
        self.assertEqual([line[:3] for line in replies], ["250", "250", "550", "421"])

    def test_a_client_that_goes_in_between_leaves_no_connection(self) -> None:
        caller = self.caller()
        self.first.replies["RCPT TO:<bob@here.example>"] = None
        caller.say(MAIL, *self.rcpts())
        caller.go()
        self.assertEqual(self.first.open, 0)


class ThinkingTests(ProxyCase):
    """The client goes while the proxy looks into its message, which lies in a file."""

    def test_the_message_goes_nowhere_and_the_next_client_has_its_own_connection(self) -> None:
        waiting: list[tuple[Callable[[], Any], Deferred[Any]]] = []

        def later(work: Callable[[], Any], /) -> Deferred[Any]:
            waiting.append((work, Deferred()))
            return waiting[-1][1]

        self.make(memory=0, in_thread=later)

        def run() -> None:
            while waiting:
                work, done = waiting.pop(0)
                done.callback(work())

        caller = self.caller()
        for line in (*ENVELOPE, "DATA"):
            caller.say(line)
        caller.say(*MESSAGE)
        while len(self.events.of(Received)) == 0 and waiting:
            work, done = waiting[0]
            if getattr(work, "__name__", "") == "header":
                break
            waiting.pop(0)
            done.callback(work())
            caller.wait()
        self.assertEqual([work.__name__ for work, _ in waiting], ["header"])
        caller.go()
        other = self.caller()
        other.say(*ENVELOPE)
        run()
        self.net.turn()
        self.assertEqual(self.first.mail, [])
        self.assertEqual([line for line in self.first.said if line == "DATA"], [])


class SeveralTests(ProxyCase):
    """More than one transaction over one connection."""

    def test_a_second_message_goes_over_the_same_connection(self) -> None:
        caller = self.caller()
        self.assertEqual([caller.send()[-1][:3] for _ in range(3)], ["250"] * 3)
        self.assertEqual((len(self.first.mail), len(self.first.links)), (3, 1))
        self.assertNotIn("RSET", self.first.said)

    def test_after_rset_the_server_forgets_too(self) -> None:
        caller = self.caller()
        caller.say(*ENVELOPE, "RSET")
        self.assertEqual(caller.send(MAIL, "RCPT TO:<bob@here.example>")[-1][:3], "250")
        self.assertEqual(
            [each[:2] for each in self.first.mail], [("sue@far.example", "bob@here.example")]
        )

    def test_after_a_hello_in_between_the_server_forgets_too(self) -> None:
        caller = self.caller()
        caller.say(*ENVELOPE)
        caller.hello()
        self.assertEqual(caller.send()[-1][:3], "250")
        self.assertEqual((len(self.first.mail), len(self.first.links)), (1, 1))

    def test_after_a_refusal_another_message_goes(self) -> None:
        caller = self.caller()
        self.first.end = "554 5.7.1 this is spam"
        caller.send()
        self.first.end = "250 2.0.0 taken"
        self.assertEqual(caller.send()[-1], "250 2.0.0 taken")

    def test_a_refused_rset_is_the_end_of_the_connection(self) -> None:
        caller = self.caller()
        self.first.replies["RSET"] = "500 5.5.1 what?"
        caller.say(*ENVELOPE, "RSET")
        self.assertEqual(caller.say(MAIL), [GONE])
        self.assertTrue(caller.wire.hung_up)
        self.assertEqual(self.first.open, 0)

    def test_a_connection_lost_between_messages_is_made_anew(self) -> None:
        caller = self.caller()
        caller.send()
        self.first.last.lose()
        self.assertEqual(caller.send()[-1][:3], "250")
        self.assertEqual((len(self.first.mail), len(self.first.links)), (2, 2))


class GoneTests(ProxyCase):
    """The server goes away: the client keeps its mail, and may try again."""

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
    """The server takes its time, and at last too much of it."""

    def assert_patience(self, caller: Caller, seconds: float) -> str:
        """Nothing is answered before that time; return what is then."""
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


class ClientGoneTests(ProxyCase):
    """The client goes away: nothing that is not whole may be taken."""

    def test_in_the_middle_of_an_answer(self) -> None:
        self.first.replies["RCPT"] = None
        caller = self.caller()
        caller.say(*ENVELOPE)
        caller.go()
        self.assertEqual(self.first.open, 0)

    def test_while_the_server_judges_the_message(self) -> None:
        self.first.end = None
        caller = self.caller()
        caller.send()
        caller.go()
        self.assertEqual(self.first.open, 0)

    def test_in_the_middle_of_its_content(self) -> None:
        caller = self.caller()
        caller.say(*ENVELOPE, "DATA", "Subject: half")
        caller.go()
        self.net.turn(10)
        self.assertEqual((self.first.mail, self.first.open), ([], 0))

    def test_while_the_server_is_being_reached(self) -> None:
        self.first.greeting = None
        caller = self.connect()
        caller.say("EHLO client.example")
        caller.go()
        self.first.last.say("220 there.example")
        self.net.turn()
        self.assertEqual(self.first.open, 0)
