"""The reception of the proxy: several messages over one connection, and clients that leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from mailhost.interfaces.events import Received
from tests.proxy.talking import ENVELOPE, MESSAGE, ProxyCase

MAIL, RCPT = ENVELOPE
GONE = "421 4.4.2 The mail server behind this one went away; please try again later"


class ThinkingTests(ProxyCase):
    """The client leaves while the proxy reads its message from a file."""

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


class ClientGoneTests(ProxyCase):
    """The client leaves: no incomplete message may be accepted."""

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
