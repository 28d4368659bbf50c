"""Connections to the servers: their order, TLS, pauses after failures, idle connections."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from mailhost.config.model import RouteTLS
from mailhost.proxy import connect
from mailhost.proxy.connect import (
    IDLE_TIMEOUT,
    LONGEST_PAUSE,
    MESSAGES_PER_CONNECTION,
    MOST_IDLE_CONNECTIONS,
    SHORTEST_PAUSE,
    UpstreamServer,
)
from tests.proxy.fake_upstream import LOST, OFFERS
from tests.proxy.talking import ENVELOPE, FIRST, SECOND, Caller, ProxyCase

UNREACHABLE = "421 4.4.1 The mail server behind this one cannot be reached; please try again later"
GREETED = "250-proxy.example"
AT_FIRST, AT_SECOND = "192.0.2.1:25", "192.0.2.2:25"


class OrderTests(ProxyCase):
    """Several servers, which are tried one after another."""

    def setUp(self) -> None:
        super().setUp()
        self.make(FIRST, SECOND)

    def tried(self) -> list[str]:
        """Return the servers to which a connection was tried since the last call."""
        tried, self.net.tried[:] = list(self.net.tried), []
        return tried

    def assert_nobody(self, reply: list[str]) -> None:
        """The client must have got a 421, and the connection must be closed."""
        self.assertEqual(reply, [UNREACHABLE])

    def test_no_server_is_asked_before_hello(self) -> None:
        caller = self.connect()
        self.assertEqual(caller.greeting[:3], b"220")
        self.assertEqual(self.tried(), [])

    def test_the_first_that_answers_is_taken(self) -> None:
        caller = self.caller()
        self.assertEqual(self.tried(), [AT_FIRST])
        self.net.turn(60)
        self.assertEqual(self.net.getDelayedCalls(), [])  # nobody is waited for
        self.assertEqual(caller.send()[-1][:3], "250")

    def test_one_that_refuses_is_passed_over(self) -> None:
        del self.net.servers[AT_FIRST]
        self.assertEqual(self.caller().send()[-1][:3], "250")
        self.assertEqual(self.tried(), [AT_FIRST, AT_SECOND])
        self.assertEqual(len(self.second.mail), 1)

    def test_one_that_will_not_have_us_is_passed_over(self) -> None:
        for greeting in ("554 5.7.1 no mail here", "421 4.3.2 busy", "hello?", LOST):
            self.first.greeting = greeting
            self.assertEqual(self.caller().send()[-1][:3], "250", greeting)
            self.assertEqual(self.first.open, 0)
            self.net.turn(60)

    def test_one_that_refuses_our_hello_is_passed_over(self) -> None:
        self.first.replies = {"EHLO": "550 5.7.1 not you", "HELO": "550 5.7.1 not you"}
        self.caller()
        self.assertEqual(self.tried(), [AT_FIRST, AT_SECOND])
        self.assertEqual(self.first.said, ["EHLO proxy.example", "QUIT"])

    def test_no_server_is_reachable(self) -> None:
        self.net.servers.clear()
        caller = self.connect()
        self.assert_nobody(caller.say("EHLO client.example"))
        self.assertTrue(caller.wire.hung_up)
        [logged] = self.events.lines
        self.assertIn(SECOND, logged)
        self.assertIn("refused", logged)

    def test_the_servers_refusal_is_for_the_log(self) -> None:
        self.make(FIRST)
        self.first.greeting = "554 5.7.1 your address is listed"
        self.assert_nobody(self.connect().say("EHLO client.example"))
        self.assertIn("your address is listed", self.events.lines[0])

    def test_one_that_failed_rests(self) -> None:
        del self.net.servers[AT_FIRST]
        self.caller()
        self.tried()
        self.caller()
        self.assertEqual(self.tried(), [AT_SECOND])
        self.net.turn(SHORTEST_PAUSE + 0.1)
        self.caller()
        self.assertEqual(self.tried(), [AT_FIRST, AT_SECOND])

    def test_after_its_rest_it_is_taken_again(self) -> None:
        del self.net.servers[AT_FIRST]
        self.caller()
        self.net.servers[AT_FIRST] = self.first
        self.caller()
        self.assertEqual(len(self.first.links), 0)
        self.net.turn(SHORTEST_PAUSE + 0.1)
        self.caller()
        self.caller()
        self.assertEqual(len(self.first.links), 2)

    def test_clients_are_answered_at_once_while_all_rest(self) -> None:
        self.net.servers.clear()
        self.connect().say("EHLO client.example")
        self.tried()
        for _ in range(5):
            self.assert_nobody(self.connect().say("EHLO client.example"))
        self.assertEqual(self.tried(), [])

    def test_one_that_is_silent_is_given_up(self) -> None:
        self.net.servers[AT_FIRST] = None
        caller = self.connect()
        self.assertEqual(caller.say("EHLO client.example"), [])
        self.assertEqual(caller.wait(9), [])
        self.assertEqual(caller.wait(2)[0], GREETED)
        self.assertEqual(self.tried(), [AT_FIRST, AT_SECOND])

    def test_one_that_is_silent_rests_as_long_as_that_took(self) -> None:
        self.net.servers[AT_FIRST] = None
        caller = self.connect()
        caller.say("EHLO client.example")
        caller.wait(10)
        self.net.turn(9)
        self.tried()
        self.caller()
        self.assertEqual(self.tried(), [AT_SECOND])
        self.net.turn(2)
        self.connect().say("EHLO client.example")
        self.assertEqual(self.tried(), [AT_FIRST])

    def test_no_rest_is_longer_than_the_longest(self) -> None:
        self.first.greeting = None
        caller = self.connect()
        caller.say("EHLO client.example")
        self.assertEqual(caller.wait(61)[0], GREETED)
        self.first.greeting = "220 there.example"
        self.net.turn(LONGEST_PAUSE + 1)
        self.tried()
        self.caller()
        self.assertEqual(self.tried(), [AT_FIRST])

    def test_one_client_makes_the_trial_for_all(self) -> None:
        self.net.servers[AT_FIRST] = None
        caller = self.connect()
        caller.say("EHLO client.example")
        caller.wait(10)
        self.net.turn(11)
        self.tried()
        trial = self.connect()
        self.assertEqual(trial.say("EHLO client.example"), [])
        self.caller()
        self.assertEqual(self.tried(), [AT_FIRST, AT_SECOND])
        self.assertEqual(trial.wait(11)[0], GREETED)

    def test_clients_that_come_together_are_all_served(self) -> None:
        self.first.greeting = None
        callers = [self.connect() for _ in range(3)]
        for caller in callers:
            caller.say("EHLO client.example")
        for link in self.first.links:
            link.say("220 there.example")
        for caller in callers:
            self.assertEqual(caller.wait()[0], GREETED)


class TLSTests(ProxyCase):
    """STARTTLS with the server, and TLS from the first octet."""

    def setUp(self) -> None:
        super().setUp()
        self.asked: list[tuple[str, bool]] = []
        self.patch(connect, "client_tls", self.options)

    def options(self, name: str, verify: bool) -> Any:
        """Instead of TLS options."""
        self.asked.append((name, verify))
        return name

    def with_tls(self, tls: RouteTLS, *offers: str) -> None:
        """Make a proxy with this setting, and a server with these offers."""
        self.make(tls=tls)
        self.first.offers = (*OFFERS, *offers)

    def verbs(self) -> list[str]:
        """Return the verbs that the server got."""
        return [line.split(" ")[0] for line in self.first.take()]

    def assert_refused(self, cause: str) -> None:
        """The client must get a temporary refusal, and the log must have the cause."""
        self.assertEqual(self.connect().say("EHLO client.example"), [UNREACHABLE])
        self.assertIn(cause, " ".join(self.events.lines))
        self.assertEqual((self.first.open, self.first.mail), (0, []))

    def test_opportunistic(self) -> None:
        self.with_tls(RouteTLS.OPPORTUNISTIC, "STARTTLS")
        self.caller()
        self.assertEqual(self.verbs(), ["EHLO", "STARTTLS", "EHLO"])
        self.assertEqual(self.asked, [("there.example", False)])

    def test_what_was_offered_before_tls_is_forgotten(self) -> None:
        self.with_tls(RouteTLS.OPPORTUNISTIC, "STARTTLS")
        self.first.offers_after["STARTTLS"] = ("8BITMIME",)
        offered = self.connect().hello()
        self.assertIn("8BITMIME", offered)
        self.assertNotIn("DSN", offered)

    def test_opportunistic_where_it_is_not_offered(self) -> None:
        self.with_tls(RouteTLS.OPPORTUNISTIC)
        self.assertEqual(self.caller().send()[-1][:3], "250")
        self.assertEqual(self.asked, [])

    def test_opportunistic_where_it_is_refused(self) -> None:
        self.with_tls(RouteTLS.OPPORTUNISTIC, "STARTTLS")
        self.first.replies["STARTTLS"] = "454 4.7.0 not now"
        self.assertEqual(self.caller().send()[-1][:3], "250")
        self.assertEqual(self.verbs(), ["EHLO", "STARTTLS", "MAIL", "RCPT", "DATA"])

    def test_opportunistic_where_the_handshake_fails(self) -> None:
        self.with_tls(RouteTLS.OPPORTUNISTIC, "STARTTLS")
        self.first.tls = "bad"
        self.assertEqual(self.caller().send()[-1][:3], "250")
        self.assertEqual(self.verbs()[:4], ["EHLO", "STARTTLS", "EHLO", "MAIL"])
        self.assertEqual(len(self.first.links), 2)

    def test_the_hello_after_tls_is_refused(self) -> None:
        self.with_tls(RouteTLS.OPPORTUNISTIC, "STARTTLS")
        self.first.replies_after["STARTTLS"] = {"EHLO": "550 5.7.1 not over TLS"}
        self.assert_refused("not over TLS")

    def test_never(self) -> None:
        self.with_tls(RouteTLS.NEVER, "STARTTLS")
        self.caller()
        self.assertEqual(self.verbs(), ["EHLO"])

    def test_require(self) -> None:
        self.with_tls(RouteTLS.REQUIRE, "STARTTLS")
        self.assertEqual(self.caller().send()[-1][:3], "250")
        self.assertEqual(self.asked, [("there.example", True)])

    def test_require_where_it_is_not_offered(self) -> None:
        self.with_tls(RouteTLS.REQUIRE)
        self.assert_refused("TLS is required, and the server offers none")

    def test_require_where_it_is_refused(self) -> None:
        self.with_tls(RouteTLS.REQUIRE, "STARTTLS")
        self.first.replies["STARTTLS"] = "454 4.7.0 not now"
        self.assert_refused("454 4.7.0 not now")

    def test_a_certificate_that_is_not_good_is_temporary(self) -> None:
        self.with_tls(RouteTLS.REQUIRE, "STARTTLS")
        self.first.tls = "bad"
        self.assert_refused("TLS is required, and failed")
        self.assertEqual(len(self.first.links), 1)

    def test_the_next_server_may_have_a_better_certificate(self) -> None:
        self.make(FIRST, SECOND, tls=RouteTLS.REQUIRE)
        for server, tls in ((self.first, "bad"), (self.second, "good")):
            server.offers, server.tls = (*OFFERS, "STARTTLS"), tls
        self.assertEqual(self.caller().send()[-1][:3], "250")
        self.assertEqual(len(self.second.mail), 1)

    def test_a_handshake_that_never_ends(self) -> None:
        self.with_tls(RouteTLS.REQUIRE, "STARTTLS")
        self.first.tls = "silent"
        caller = self.connect()
        self.assertEqual(caller.say("EHLO client.example"), [])
        self.assertEqual(caller.wait(119), [])
        self.assertEqual(caller.wait(2), [UNREACHABLE])
        self.assertEqual(self.first.open, 0)


class TLSFirstTests(ProxyCase):
    """TLS from the first octet, with the real library on our side."""

    def test_the_handshake_comes_first(self) -> None:
        self.make(UpstreamServer(FIRST, "there.example", tls_first=True))
        self.first.greeting = None
        caller = self.connect()
        caller.say("EHLO client.example")
        hello = self.first.last.octets
        self.assertEqual(hello[:2], b"\x16\x03")  # a handshake record
        self.assertIn(b"there.example", hello)
        self.first.last.say("220 there.example in the clear")
        self.assertEqual(caller.wait(), [UNREACHABLE])

    def test_there_is_no_second_one(self) -> None:
        self.patch(connect, "wrapClientTLS", lambda options, endpoint: endpoint)
        self.first.offers = (*OFFERS, "STARTTLS")
        for tls in (RouteTLS.OPPORTUNISTIC, RouteTLS.REQUIRE):
            self.make(UpstreamServer(FIRST, "there.example", tls_first=True), tls=tls)
            self.assertEqual(self.caller().send()[-1][:3], "250")
        self.assertNotIn("STARTTLS", self.first.said)


class KeptTests(ProxyCase):
    """A connection waits for the next client for a while."""

    def leave(self, caller: Caller) -> None:
        """Let the client send QUIT."""
        caller.say("QUIT")
        caller.go()

    def assert_links(self, opened: int, still: int) -> None:
        """So many connections must have been opened, and so many must be open."""
        self.net.turn()
        self.assertEqual((len(self.first.links), self.first.open), (opened, still))

    def test_the_next_client_has_it(self) -> None:
        for _ in range(3):
            caller = self.caller()
            caller.send()
            self.leave(caller)
        self.assert_links(1, 1)
        self.assertEqual(len(self.first.mail), 3)
        self.assertEqual(self.first.said.count("EHLO proxy.example"), 1)

    def test_two_clients_at_once_have_two(self) -> None:
        one, other = self.caller(), self.caller()
        self.assert_links(2, 2)
        self.leave(one)
        self.leave(other)
        self.caller(), self.caller(), self.caller()
        self.assert_links(3, 3)

    def test_a_client_without_hello_has_no_connection(self) -> None:
        self.leave(self.connect())
        self.assert_links(0, 0)

    def test_after_some_seconds_it_is_closed(self) -> None:
        self.leave(self.caller())
        self.net.turn(IDLE_TIMEOUT - 0.5)
        self.assert_links(1, 1)
        self.net.turn(1)
        self.assert_links(1, 0)
        self.assertEqual(self.first.said[-1], "QUIT")

    def test_the_next_client_keeps_it(self) -> None:
        self.leave(self.caller())
        caller = self.caller()
        self.net.turn(IDLE_TIMEOUT * 3)
        self.assert_links(1, 1)
        self.assertEqual(caller.send()[-1][:3], "250")

    def test_one_that_the_server_closes_is_given_up(self) -> None:
        self.leave(self.caller())
        self.first.last.lose()
        self.caller()
        self.assert_links(2, 1)

    def test_one_that_the_server_closes_later_is_made_anew(self) -> None:
        self.leave(self.caller())
        self.first.last.lose()
        self.assertEqual(self.caller().send()[-1][:3], "250")
        self.assert_links(2, 1)

    def test_one_that_the_server_ends_with_421_is_given_up(self) -> None:
        self.leave(self.caller())
        self.first.last.say("421 4.4.2 idle too long")
        self.assertEqual(self.caller().send()[-1][:3], "250")
        self.assert_links(2, 1)
        self.net.turn(IDLE_TIMEOUT + 1)

    def test_one_that_ends_as_it_is_used_again_is_made_anew(self) -> None:
        for end in ("421 4.4.2 idle too long", LOST):
            caller = self.caller()
            self.assertEqual(caller.send()[-1][:3], "250")
            self.leave(caller)
            caller = self.caller()
            self.first.replies["MAIL"] = end
            connecting = self.patch(self.net, "connectTCP", partial(self.well, self.net.connectTCP))
            self.assertEqual(caller.send()[-1][:3], "250")
            connecting.restore()
            self.leave(caller)
            self.net.turn(IDLE_TIMEOUT + 1)

    def well(self, connect: Callable[..., None], *arguments: Any, **named: Any) -> None:
        """Let the server work from the next connection on."""
        self.first.replies.clear()
        connect(*arguments, **named)

    def test_a_new_one_that_ends_is_no_reason_to_try_again(self) -> None:
        self.first.replies["MAIL"] = LOST
        self.assertEqual(self.caller().say(ENVELOPE[0])[0][:9], "421 4.4.2")
        self.assert_links(1, 0)

    def test_the_first_server_is_preferred_once_it_is_back(self) -> None:
        self.make(FIRST, SECOND)
        first = self.net.servers.pop("192.0.2.1:25")
        self.leave(self.caller())
        self.net.servers["192.0.2.1:25"] = first
        self.leave(self.caller())
        self.assertEqual((len(self.first.links), len(self.second.links)), (0, 1))
        self.net.turn(SHORTEST_PAUSE)
        self.leave(self.caller())
        self.assertEqual((len(self.first.links), len(self.second.links)), (1, 1))

    def test_one_left_inside_a_transaction_is_closed(self) -> None:
        """A filter may still examine that message, and must not send it over another client's
        connection."""
        caller = self.caller()
        caller.say(*ENVELOPE)
        caller.go()
        self.assertEqual(self.first.open, 0)
        self.assertEqual(self.caller().send()[-1][:3], "250")
        self.assert_links(2, 1)

    def test_one_over_which_a_command_was_refused_is_closed(self) -> None:
        for command in ("MAIL", "RCPT"):
            self.first.replies = {command: "550 5.7.1 no"}
            caller = self.caller()
            caller.say(*ENVELOPE)
            self.leave(caller)
        self.first.replies, self.first.end = {}, "554 5.7.1 spam"
        caller = self.caller()
        caller.send()
        self.leave(caller)
        self.assert_links(3, 0)

    def test_one_that_waits_for_an_answer_is_closed(self) -> None:
        self.first.replies["MAIL"] = None
        caller = self.caller()
        caller.say(ENVELOPE[0])
        caller.go()
        self.assert_links(1, 0)
        self.assertNotIn("QUIT", self.first.said)

    def test_one_has_an_end_all_the_same(self) -> None:
        for _ in range(MESSAGES_PER_CONNECTION):
            caller = self.caller()
            caller.send()
            self.leave(caller)
        self.assert_links(1, 0)

    def test_not_too_many_wait(self) -> None:
        callers = [self.caller() for _ in range(MOST_IDLE_CONNECTIONS + 2)]
        for caller in callers:
            self.leave(caller)
        self.assert_links(MOST_IDLE_CONNECTIONS + 2, MOST_IDLE_CONNECTIONS)

    def test_another_server_has_its_own(self) -> None:
        self.leave(self.caller())
        self.make(SECOND)
        self.caller()
        self.assertEqual(len(self.second.links), 1)

    def test_a_server_that_does_not_answer_quit_is_left_all_the_same(self) -> None:
        self.first.replies["QUIT"] = None
        self.leave(self.caller())
        self.net.turn(IDLE_TIMEOUT + 1)
        self.net.turn(11)
        self.assert_links(1, 0)
