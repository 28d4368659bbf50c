"""The client's identity for the server: XCLIENT, XFORWARD, the PROXY line."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.model import Identity
from mailhost.message.client import Client
from mailhost.proxy.identity import (
    LONGEST_COMMAND,
    proxy_header,
    xclient_commands,
    xforward_commands,
)
from tests.fakes import address
from tests.proxy.fake_upstream import LOST, OFFERS
from tests.proxy.talking import ENVELOPE, FIRST, SECOND, TLS, Caller, ProxyCase

ALL = "NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT REVERSE_NAME"
KNOWN = Client("192.0.2.77", 4711, session="s1", hello="client.example", extended=True)
XCLIENT = (
    "XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.77 PORT=4711 PROTO=ESMTP HELO=client.example "
    "LOGIN=[UNAVAILABLE]"
)
XFORWARD = "XFORWARD NAME=[UNAVAILABLE] ADDR=192.0.2.77 PORT=4711 IDENT=s1 SOURCE=REMOTE"


class AttributeTests(SynchronousTestCase):
    """The attributes of a client."""

    def said(self, attributes: str, client: Client = KNOWN) -> str:
        """The one command, without its verb."""
        [command] = xclient_commands(client, attributes)
        return command.decode().removeprefix("XCLIENT ")

    def test_all_that_we_know_and_is_offered(self) -> None:
        self.assertEqual(xclient_commands(KNOWN, ALL), [XCLIENT.encode()])
        self.assertEqual(
            xforward_commands(KNOWN, "NAME ADDR PORT IDENT SOURCE"), [XFORWARD.encode()]
        )

    def test_nothing_where_nothing_is_offered(self) -> None:
        for offered in ("", "DESTADDR DESTPORT"):
            self.assertEqual(xclient_commands(KNOWN, offered), [])
            self.assertEqual(xforward_commands(KNOWN, offered), [])

    def test_offers_in_lower_case(self) -> None:
        self.assertEqual(self.said("addr Port"), "ADDR=192.0.2.77 PORT=4711")

    def test_addresses_of_ipv6(self) -> None:
        self.assertEqual(self.said("ADDR", Client("2001:db8::1")), "ADDR=IPV6:2001:db8::1")
        self.assertEqual(self.said("ADDR", Client("fe80::1%eth0")), "ADDR=IPV6:fe80::1")

    def test_a_local_socket(self) -> None:
        said = self.said("ADDR PORT HELO IDENT SOURCE PROTO", Client(""))
        gone = "[UNAVAILABLE]"
        wanted = f"ADDR={gone} PORT={gone} HELO={gone} IDENT={gone} SOURCE=LOCAL PROTO=SMTP"
        self.assertEqual(said, wanted)

    def test_what_clients_write_is_xtext(self) -> None:
        client = Client("192.0.2.7", hello="a b=c+d\r\n.é", account=address("jörg+x@here.example"))
        said = self.said("HELO LOGIN", client)
        wanted = "HELO=a+20b+3Dc+2Bd+0D+0A.+C3+A9 LOGIN=j+C3+B6rg+2Bx@here.example"
        self.assertEqual(said, wanted)

    def test_a_long_name_is_cut(self) -> None:
        self.assertEqual(self.said("HELO", Client("", hello="x" * 400)), "HELO=" + "x" * 255)

    def test_what_does_not_fit_one_command_goes_in_two(self) -> None:
        client = Client("192.0.2.7", hello="é" * 70, account=address("ü" * 20 + "@here.example"))
        commands = xclient_commands(client, "HELO LOGIN ADDR")
        self.assertEqual(len(commands), 2)
        self.assertTrue(all(each.startswith(b"XCLIENT ") for each in commands))
        text = b" ".join(each.removeprefix(b"XCLIENT ") for each in commands).split(b" ")
        self.assertEqual(len(text), 3)

    @settings(deadline=None)
    @given(st.text(max_size=80), st.lists(st.sampled_from(ALL.split()), unique=True))
    def test_whatever_it_is_called_a_command_is_one_short_line(
        self, hello: str, offered: list[str]
    ) -> None:
        client = Client("192.0.2.7", 4711, hello=hello)
        for command in xclient_commands(client, " ".join(offered)):
            self.assertTrue(command.decode("ascii").isprintable())
            self.assertLessEqual(len(command), LONGEST_COMMAND + 500 * ("HELO" in offered))
            self.assertTrue(all(b"=" in word for word in command.split(b" ")[1:]))


class HeaderTests(SynchronousTestCase):
    """The PROXY line."""

    def test_each_family(self) -> None:
        lines = {
            Client("192.0.2.77", 4711): b"PROXY TCP4 192.0.2.77 0.0.0.0 4711 25\r\n",
            Client("2001:db8::1", 4711): b"PROXY TCP6 2001:db8::1 :: 4711 25\r\n",
            Client("fe80::1%eth0", 4711): b"PROXY TCP6 fe80::1 :: 4711 25\r\n",
            Client(""): b"PROXY UNKNOWN\r\n",
        }
        for client, line in lines.items():
            self.assertEqual(proxy_header(client), line)
            self.assertLessEqual(len(line), 107)


class HaproxyTests(ProxyCase):
    """The PROXY line on the wire."""

    def setUp(self) -> None:
        super().setUp()
        self.make(identity=Identity.HAPROXY)
        self.first.proxied = True

    def test_it_comes_before_all_else(self) -> None:
        self.assertEqual(self.caller().send()[-1][:3], "250")
        self.assertEqual(self.first.said[0], "PROXY TCP4 192.0.2.77 0.0.0.0 4711 25")
        self.assertEqual(self.first.said[1], "EHLO proxy.example")

    def test_it_comes_again_where_tls_failed(self) -> None:
        self.first.offers, self.first.tls = (*OFFERS, "STARTTLS"), "bad"
        self.caller()
        proxy = "PROXY TCP4 192.0.2.77 0.0.0.0 4711 25"
        hello = "EHLO proxy.example"
        self.assertEqual(self.first.said, [proxy, hello, "STARTTLS", proxy, hello])

    def test_a_client_that_the_server_refuses_does_not_block_others(self) -> None:
        for greeting in ("554 5.7.1 you are on a list", "421 4.7.0 too many of you"):
            self.first.greeting = greeting
            [reply] = self.connect(ip="192.0.2.66").say("EHLO client.example")
            self.assertEqual(reply[:9], "421 4.4.1")
            self.first.greeting = "220 there.example"
            self.assertEqual(self.caller().send()[-1][:3], "250")

    def test_the_connection_is_for_that_client_alone(self) -> None:
        caller = self.caller()
        caller.send()
        caller.go()
        self.assertEqual(self.first.open, 0)
        self.caller(ip="2001:db8::1")
        self.assertIn("PROXY TCP6 2001:db8::1 :: 4711 25", self.first.said)
        self.assertEqual(len(self.first.links), 2)


class XClientTests(ProxyCase):
    """XCLIENT on the wire."""

    def setUp(self) -> None:
        super().setUp()
        self.make(identity=Identity.XCLIENT)
        self.first.offers = (*OFFERS, f"XCLIENT {ALL}")

    def leave(self, caller: Caller) -> None:
        """Let the client send QUIT."""
        caller.say("QUIT")
        caller.go()

    def test_it_is_sent_once_and_hello_after_it(self) -> None:
        caller = self.caller()
        self.assertEqual([caller.send()[-1][:3] for _ in range(2)], ["250", "250"])
        first, again = "EHLO proxy.example", "EHLO client.example"
        self.assertEqual(self.first.said[:4], [first, XCLIENT, again, ENVELOPE[0]])
        self.assertEqual(self.first.said.count(XCLIENT), 1)

    def test_the_hello_after_it_has_the_name_of_the_client(self) -> None:
        """The server checks and logs the name in EHLO, not the one in XCLIENT."""
        for said, passed_on in (
            ("other.example", "other.example"),
            ("[192.0.2.77]", "[192.0.2.77]"),
            ("b\u00fccher.example", "proxy.example"),  # no name for a server without SMTPUTF8
        ):
            self.first.take()
            caller = self.connect()
            caller.give(f"EHLO {said}\r\n".encode())
            self.assertEqual(self.first.take()[-1], f"EHLO {passed_on}")
            self.leave(caller)

    def test_what_is_offered_after_it_counts(self) -> None:
        self.first.offers_after["XCLIENT"] = ("8BITMIME",)
        offered = self.connect().hello()
        self.assertIn("8BITMIME", offered)
        self.assertNotIn("DSN", offered)

    def test_it_goes_over_tls(self) -> None:
        self.first.offers = ("STARTTLS", "XCLIENT ADDR")
        self.caller()
        self.assertEqual(
            [line.split(" ")[0] for line in self.first.said],
            ["EHLO", "STARTTLS", "EHLO", "XCLIENT", "EHLO"],
        )

    def test_where_it_is_not_offered_mail_goes_without(self) -> None:
        self.first.offers = OFFERS
        self.assertEqual(self.caller().send()[-1][:3], "250")
        self.assertNotIn("XCLIENT", "".join(self.first.said))

    def test_where_it_is_refused_the_client_may_come_back(self) -> None:
        self.first.replies["XCLIENT"] = "550 5.7.0 insufficient authorization"
        caller = self.connect()
        [reply] = caller.say("EHLO client.example")
        self.assertEqual(reply[:9], "421 4.4.1")
        self.assertEqual(self.first.open, 0)
        self.assertIn("insufficient authorization", " ".join(self.events.lines))

    def test_a_client_that_the_server_refuses_does_not_block_others(self) -> None:
        other = XCLIENT.replace(".77", ".66")
        for answer in ("554 5.7.1 192.0.2.66 is on a list", "421 4.7.0 too many of 192.0.2.66"):
            self.first.replies[other] = answer
            [reply] = self.connect(ip="192.0.2.66").say("EHLO client.example")
            self.assertEqual(reply[:9], "421 4.4.1")
            self.assertEqual(self.caller().send()[-1][:3], "250")

    def test_a_refused_client_shows_that_the_server_is_back(self) -> None:
        self.net.servers.clear()
        self.connect().say("EHLO client.example")
        self.net.turn(2)
        self.net.servers["192.0.2.1:25"] = self.first
        self.first.replies[XCLIENT] = "554 5.7.1 192.0.2.77 is on a list"
        self.connect().say("EHLO client.example")
        self.assertEqual(self.caller(ip="192.0.2.66").send()[-1][:3], "250")

    def test_the_server_goes_away_over_it(self) -> None:
        self.first.replies["XCLIENT"] = LOST
        self.assertEqual(self.connect().say("EHLO client.example")[0][:9], "421 4.4.1")

    def test_the_hello_after_it_is_refused(self) -> None:
        self.first.replies_after["XCLIENT"] = {"EHLO": "550 5.7.1 not by that name"}
        [reply] = self.connect().say("EHLO client.example")
        self.assertEqual(reply[:9], "421 4.4.1")
        self.assertEqual(self.first.open, 0)

    def test_where_one_server_refuses_another_may_not(self) -> None:
        self.make(FIRST, SECOND, identity=Identity.XCLIENT)
        self.first.replies["XCLIENT"] = "421 4.7.0 too many of you"
        self.assertEqual(self.caller().send()[-1][:3], "250")
        self.assertEqual(len(self.second.mail), 1)

    def test_another_hello_is_another_introduction(self) -> None:
        caller = self.caller()
        caller.session.secured(TLS)
        caller.say("EHLO other.example")
        self.assertEqual(caller.send()[-1][:3], "250")
        self.assertIn(XCLIENT.replace("client.example", "other.example"), self.first.said)
        self.assertIn("EHLO other.example", self.first.said)
        self.assertEqual(len(self.first.links), 1)

    def test_another_hello_inside_a_transaction(self) -> None:
        caller = self.caller()
        caller.say(*ENVELOPE)
        caller.say("EHLO other.example")
        self.assertEqual(caller.send()[-1][:3], "250")
        self.net.turn()
        self.assertEqual((len(self.first.mail), self.first.open), (1, 1))

    def test_another_hello_that_the_server_does_not_survive(self) -> None:
        caller = self.caller()
        other = XCLIENT.replace("client.example", "other.example")
        self.first.replies[other] = LOST
        self.assertEqual(caller.say("EHLO other.example")[-1][:3], "421")

    def test_the_client_goes_while_it_is_introduced_again(self) -> None:
        caller = self.caller()
        self.first.replies["XCLIENT"] = None
        caller.say("EHLO other.example")
        caller.go()
        self.first.last.say("220 there.example")
        self.net.turn()
        self.assertEqual(self.first.open, 0)

    def test_the_next_client_is_introduced_anew(self) -> None:
        caller = self.caller()
        caller.send()
        self.leave(caller)
        self.assertEqual(self.caller(ip="2001:db8::1", port=5).send()[-1][:3], "250")
        said = [line for line in self.first.said if "XCLIENT" in line]
        self.assertEqual(len(said), 2)
        self.assertIn("ADDR=IPV6:2001:db8::1 PORT=5", said[1])

    def test_attributes_of_the_client_before_do_not_remain(self) -> None:
        """A server that accepts XCLIENT only once keeps the attributes."""
        self.first.offers_after["XCLIENT"] = OFFERS
        caller = self.caller()
        caller.send()
        self.leave(caller)
        self.caller(ip="2001:db8::1").send()
        self.assertEqual((len(self.first.links), self.first.open), (2, 1))
        self.assertEqual(len([line for line in self.first.said if "XCLIENT" in line]), 2)

    def test_nor_by_a_part_of_it(self) -> None:
        self.first.offers_after["XCLIENT"] = (*OFFERS, "XCLIENT HELO")
        self.leave(self.caller())
        self.caller(ip="2001:db8::1").send()
        self.assertEqual(len(self.first.links), 2)


class XForwardTests(ProxyCase):
    """XFORWARD on the wire."""

    def setUp(self) -> None:
        super().setUp()
        self.make(identity=Identity.XFORWARD)
        self.first.offers = (*OFFERS, "XFORWARD NAME ADDR PORT IDENT SOURCE")

    def test_it_is_sent_before_each_mail(self) -> None:
        caller = self.caller()
        self.first.take()
        for _ in range(2):
            self.assertEqual(caller.send()[-1][:3], "250")
            self.assertEqual(self.first.take(), [XFORWARD, *ENVELOPE, "DATA"])

    def test_it_is_sent_after_rset(self) -> None:
        caller = self.caller()
        caller.say(*ENVELOPE, "RSET")
        self.first.take()
        caller.say(ENVELOPE[0])
        self.assertEqual(self.first.take(), ["RSET", XFORWARD, ENVELOPE[0]])

    def test_where_it_is_not_offered_mail_goes_without(self) -> None:
        self.first.offers = OFFERS
        self.assertEqual(self.caller().send()[-1][:3], "250")
        self.assertNotIn("XFORWARD", "".join(self.first.said))

    def test_where_it_is_refused_mail_goes_without(self) -> None:
        self.first.replies["XFORWARD"] = "550 5.7.0 not you"
        self.assertEqual(self.caller().send()[-1][:3], "250")

    def test_the_server_goes_away_over_it(self) -> None:
        self.first.replies["XFORWARD"] = LOST
        self.assertEqual(self.caller().say(ENVELOPE[0])[0][:9], "421 4.4.2")

    def test_the_next_client_is_introduced_over_the_same_connection(self) -> None:
        caller = self.caller()
        caller.send()
        caller.go()
        self.caller(ip="2001:db8::1").send()
        self.assertEqual((len(self.first.mail), len(self.first.links)), (2, 1))
        self.assertIn(XFORWARD.replace("192.0.2.77", "IPV6:2001:db8::1"), self.first.said)
