"""A message through the proxy: every reply is the server's."""

from __future__ import annotations

from mailhost.interfaces.events import PassedOn, Received
from mailhost.interfaces.verdict import quarantine
from tests.proxy.fake_upstream import LOST
from tests.proxy.talking import ENVELOPE, MESSAGE, ProxyCase
from tests.reception.filters.authenticity.case import ExaminedCase
from tests.reception.filters.chain_fakes import ChainServices, FakeFilter

MAIL, RCPT = ENVELOPE


class PassedOnTests(ProxyCase):
    """The server's replies come back unchanged."""

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

    def test_the_reply_to_mail_is_the_servers_too(self) -> None:
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

    def test_results_in_our_name_are_removed(self) -> None:
        self.make(trace=False)
        ours, others = "proxy.example; spf=pass", "mx.far.example; spf=pass"
        fields = [f"Authentication-Results: {each}" for each in (ours, others)]
        self.caller().say(*ENVELOPE, "DATA", *fields, "", "hello", ".")
        self.assertEqual(self.first.mail[0][-1], f"{fields[1]}\r\n\r\nhello\r\n")

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

    def test_each_recipient_has_the_servers_reply(self) -> None:
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

    def test_the_subject_only_if_it_is_asked_for(self) -> None:
        for subject in (False, True):
            self.make(subject=subject)
            self.caller().send(MAIL, "RCPT TO:<a@here.example>")
        found = [each.subject for each in self.events.of(Received)]
        self.assertEqual((found[0], bool(found[1])), ("", True))

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

    def test_an_invalid_reply_is_temporary(self) -> None:
        self.first.replies = {"RCPT": "354 go on"}
        [_, reply] = self.caller().say(*ENVELOPE)
        self.assertEqual(reply[:9], "451 4.5.0")

    def test_no_yes_before_the_content_is_one(self) -> None:
        """A server that answers DATA with 250 has no message, so the client must keep it."""
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


class ExaminedTests(ExaminedCase, ProxyCase):
    """The filter "authenticity" before the server."""

    def setUp(self) -> None:
        ProxyCase.setUp(self)
        told = self.events
        ExaminedCase.setUp(self)
        self.events = told

    def test_the_server_gets_the_results(self) -> None:
        self.chain = ChainServices().chain(self.filter(own_domains="never"))
        self.make(trace=False)
        self.assertEqual(self.caller().send()[-1][:3], "250")
        content = self.first.mail[0][-1]
        self.assertTrue(content.startswith("Authentication-Results: mx.a.net;"), content)
        self.assertIn("dmarc=permerror", content)
        self.assertIn("policy.applied-disposition=quarantine", content)


class HeldTests(ProxyCase):
    """Messages that filters hold are sent by our own queue when they are released."""

    def test_it_has_our_trace_field_whatever_the_proxy_adds(self) -> None:
        self.chain = ChainServices().chain(FakeFilter(quarantine("looks odd")))
        for trace in (True, False):
            self.make(trace=trace)
            self.assertEqual(self.caller().send()[-1][:3], "250")
        self.assertEqual(self.first.mail, [])
        for _, content, _ in self.queue.kept:
            self.assertTrue(content.startswith(b"Received: from client.example"), content)
            self.assertTrue(content.endswith(b"\r\nSubject: hello\r\n\r\nhello\r\n"), content)
        self.assertEqual(self.queue.held, ["looks odd"] * 2)

    def test_it_has_passed_the_rules(self) -> None:
        self.chain = ChainServices().chain(FakeFilter(quarantine("looks odd")))
        self.make(hops=0)
        reply = self.caller().send(message=("Received: x", "", "."))[-1]
        self.assertEqual((reply[:9], self.queue.kept), ("554 5.4.6", []))


class PipelinedTests(ProxyCase):
    """Recipients that are pipelined."""

    NAMES = ("ann", "nobody", "bob", "eve")

    def rcpts(self) -> list[str]:
        """Return four RCPT commands, one of them for an unknown recipient."""
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
