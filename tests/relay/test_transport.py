"""Carrying mail to hosts in memory: which host gets it, and what becomes of each recipient."""

from __future__ import annotations

from dataclasses import replace

from mailhost.config.model import Relay
from mailhost.config.secrets import Secrets
from mailhost.config.types import Secret
from mailhost.message.envelope import Envelope
from mailhost.relay.tls.decision import TLSDecision
from mailhost.relay.transport import FAILURE_MEMORY
from tests.fakes import address, path
from tests.fakes import envelope as envelope_to
from tests.relay.carrying import TEXT, RelayCase
from tests.relay.far_net import FarHost

BY_1, BY_2 = "mx1.x.example [192.0.2.1]", "mx2.x.example [192.0.2.2]"


class Hosts(RelayCase):
    def test_the_best_one_gets_the_mail(self) -> None:
        self.assertEqual([f"relayed 250 {BY_1}"], self.send("a@x.example"))
        self.assertEqual([("a@x.example", TEXT)], self.mx1.mail)
        self.assertEqual(["192.0.2.1:25"], self.net.tried)
        self.assertEqual(
            [f"one relayed <a@x.example> by {BY_1}: 250 2.0.0 taken"], self.events.lines
        )

    def test_the_next_one_where_the_best_one_cannot(self) -> None:
        for name, spoil in {
            "refuses connections": None,
            "greets with 554": FarHost(greeting="554 5.3.2 no"),
            "greets with 421": FarHost(greeting="421 4.3.2 busy"),
            "greets with nonsense": FarHost(greeting="HTTP/1.1 400 Bad Request"),
            "hangs up": FarHost(greeting="lost"),
            "refuses EHLO": FarHost(replies={"EHLO": "451 4.3.0 later"}),
            "421 at MAIL": FarHost(replies={"MAIL": "421 4.3.2 bye"}),
            "421 at RCPT": FarHost(replies={"RCPT": "421 4.3.2 bye"}),
            "lost at MAIL": FarHost(replies={"MAIL": "lost"}),
            "lost at DATA": FarHost(replies={"DATA": "lost"}),
            "421 at the end": FarHost(end="421 4.3.2 bye"),
        }.items():
            with self.subTest(name):
                self.setUp()
                self.net.hosts["192.0.2.1"] = spoil
                if spoil is None:
                    del self.net.hosts["192.0.2.1"]
                self.assertEqual([f"relayed 250 {BY_2}"], self.send("a@x.example"))
                self.assertEqual([("a@x.example", TEXT)], self.mx2.mail)

    def test_a_silent_one_costs_its_timeout(self) -> None:
        for silent in (None, FarHost(greeting=None), FarHost(offers=(), replies={"MAIL": None})):
            self.setUp()
            self.net.hosts["192.0.2.1"] = silent
            work = self.begin("a@x.example")
            self.turn()
            self.assertNoResult(work)
            self.turn(300)
            self.assertEqual(BY_2, self.successResultOf(work)[0].by)

    def test_every_address_of_a_host_ipv6_too(self) -> None:
        del self.net.hosts["192.0.2.1"], self.net.hosts["192.0.2.2"]
        self.net.hosts["2001:db8::2"] = there = FarHost()
        self.assertEqual(["relayed 250 mx2.x.example [2001:db8::2]"], self.send("a@x.example"))
        self.assertEqual(1, len(there.mail))
        self.assertEqual(3, len(self.net.tried))

    def test_an_address_literal(self) -> None:
        self.net.hosts["2001:db8::7"] = FarHost()
        for literal, ip in (("[192.0.2.3]", "192.0.2.3"), ("[IPv6:2001:db8::7]", "2001:db8::7")):
            self.assertIn(f"[{ip}]", self.send(f"a@{literal}")[0])

    def test_what_a_host_says_of_the_message_counts(self) -> None:
        for spoil, fate in (
            (FarHost(replies={"MAIL": "550 5.7.1 no"}), "failed 550"),
            (FarHost(replies={"RCPT": "450 4.2.1 busy"}), "delayed 450"),
            (FarHost(end="554 5.6.0 spam"), "failed 554"),
            (FarHost(end="451 4.3.0 later"), "delayed 451"),
            (FarHost(end="lost"), "delayed 451"),
        ):
            self.setUp()
            self.net.hosts["192.0.2.1"] = spoil
            self.assertEqual([f"{fate} {BY_1}"], self.send("a@x.example"))
            self.assertEqual(["192.0.2.1:25"], self.net.tried)

    def test_who_is_undecided_goes_to_the_next_host_alone(self) -> None:
        self.mx1.offers = ()
        self.mx1.replies["RCPT TO:<a@x.example>"] = "550 5.1.1 nobody"
        self.mx1.replies["RCPT TO:<b@x.example>"] = "421 4.3.2 bye"
        self.assertEqual(
            [f"failed 550 {BY_1}", f"relayed 250 {BY_2}"], self.send("a@x.example", "b@x.example")
        )
        self.assertEqual([("b@x.example", TEXT)], self.mx2.mail)

    def test_nobody_can_be_reached(self) -> None:
        self.net.hosts.clear()
        self.assertEqual(["delayed 451"], self.send("a@x.example"))

    def test_dns_decides(self) -> None:
        self.assertEqual(["failed 550"], self.send("a@gone.example"))
        self.assertEqual([], self.net.tried)

    def test_recipients_of_several_domains(self) -> None:
        self.net.hosts["192.0.2.3"] = FarHost(replies={"RCPT": "550 5.1.1 nobody"})
        self.assertEqual(
            [f"relayed 250 {BY_1}", "failed 550 mx.y.example [192.0.2.3]", f"relayed 250 {BY_1}"],
            self.send("a@x.example", "b@y.example", "c@x.example"),
        )
        self.assertEqual([("a@x.example", "c@x.example", TEXT)], self.mx1.mail)


class Astray(RelayCase):
    """MX records that lead to this host, or to no host: bounced at once (RFC 5321 §5.1)."""

    def assert_failed(self, recipient: str, enhanced: str, *text: str) -> None:
        """The mail is not tried again, and the report says why."""
        work = self.begin(recipient)
        self.turn()
        (outcome,) = self.successResultOf(work)
        status = outcome.status
        self.assertEqual(("failed", enhanced, ""), (outcome.fate, status.enhanced, outcome.by))
        for word in text:
            self.assertIn(word, status.text)

    def test_to_this_host_by_its_address(self) -> None:
        self.assert_failed("a@here.example", "5.4.6", "us.here.example [192.0.2.77]")
        self.assert_failed("a@equal.example", "5.4.6")
        self.assert_failed("a@[192.0.2.77]", "5.4.6")
        self.assertEqual([], self.net.tried)

    def test_to_this_host_by_its_own_name(self) -> None:
        self.mx1.replies["EHLO"] = "250 us.example"
        self.assert_failed("a@x.example", "5.4.6", BY_1)
        self.assertEqual(["192.0.2.1:25"], self.net.tried)

    def test_hosts_that_are_better_than_this_one_are_tried_alone(self) -> None:
        self.assertEqual([f"relayed 250 {BY_1}"], self.send("a@backup.example"))
        self.setUp()
        del self.net.hosts["192.0.2.1"]
        self.assertEqual(["delayed 451"], self.send("a@backup.example"))
        self.assertEqual(["192.0.2.1:25"], self.net.tried)

    def test_a_route_of_the_settings_may_be_mended(self) -> None:
        self.make({"route": [{"via": "smart.example"}]})
        self.smart.replies["EHLO"] = "250 us.example"
        self.assertEqual(["delayed 451 smart.example [192.0.2.9]"], self.send("a@y.example"))

    def test_to_no_host(self) -> None:
        reasons = ("loopback.example leads to 127.0.0.1", "localhost leads to", "gone.example does")
        self.assert_failed("a@nowhere.example", "5.4.4", *reasons)
        self.assertEqual([], self.net.tried)

    def test_a_host_that_cannot_exist_among_good_ones_is_skipped(self) -> None:
        for recipient in ("a@half.example", "b@long.example"):
            sent = self.send(recipient)
            self.assertEqual(["relayed 250 mx.y.example [192.0.2.3]"], sent)

    def test_no_more_than_ten_are_tried(self) -> None:
        self.assertEqual(["delayed 451"], self.send("a@down.example"))
        self.assertEqual(10, len(self.net.tried))

    def test_a_failed_look_up_is_tried_again(self) -> None:
        self.assertEqual(["delayed 451"], self.send("a@unsure.example"))

    def test_localhost_is_never_looked_up(self) -> None:
        for domain in ("localhost", "x.localhost", "[127.0.0.1]"):
            self.assert_failed(f"a@{domain}", "5.4.4", f"{domain} leads to 127.0.0.1")

    def test_a_reload_may_change_where_we_listen(self) -> None:
        self.relay.reconfigure(Relay(), Secrets({}), "us.example", [])
        self.net.hosts["192.0.2.77"] = FarHost()
        sent = self.send("a@here.example")
        self.assertEqual(["relayed 250 us.here.example [192.0.2.77]"], sent)

    def test_loopback_where_the_settings_allow_it(self) -> None:
        self.make({"allow_loopback": True})
        self.net.hosts["127.0.0.1"] = FarHost()
        self.assertIn("relayed 250", self.send("a@half.example")[0])


class LeftAlone(RelayCase):
    def test_a_destination_where_nobody_is_reached_rests_a_moment(self) -> None:
        self.net.hosts.clear()
        self.send("a@x.example")
        tried = len(self.net.tried)
        self.assertEqual(["delayed 451"], self.send("b@x.example"))
        self.assertEqual(tried, len(self.net.tried))
        self.send("b@y.example")
        self.assertEqual(tried + 1, len(self.net.tried))
        self.turn(FAILURE_MEMORY)
        self.send("b@x.example")
        self.assertEqual(2 * tried + 1, len(self.net.tried))

    def test_it_is_connected_to_again_after_its_failure_was_forgotten(self) -> None:
        self.net.hosts.clear()
        self.send("a@x.example")
        tried = len(self.net.tried)
        self.relay.forget_failure(self.relay.next_hop("us.example", "y.example", 1))
        self.send("b@x.example")
        self.assertEqual(tried, len(self.net.tried))
        self.relay.forget_failure(self.relay.next_hop("us.example", "x.example", 1))
        self.send("b@x.example")
        self.assertEqual(2 * tried, len(self.net.tried))

    def test_new_settings_end_the_rest(self) -> None:
        """They may be what makes the destination reachable."""
        self.net.hosts.clear()
        self.send("a@x.example")
        tried = len(self.net.tried)
        self.relay.reconfigure(Relay(), Secrets({}), "us.example")
        self.send("b@x.example")
        self.assertEqual(2 * tried, len(self.net.tried))

    def test_one_that_spoke_does_not(self) -> None:
        self.mx1.replies["MAIL"] = self.mx2.replies["MAIL"] = "421 4.3.2 bye"
        self.assertEqual([f"delayed 421 {BY_1}"], self.send("a@x.example"))
        self.mx1.replies.clear()
        self.assertEqual([f"relayed 250 {BY_1}"], self.send("a@x.example"))

    def test_those_who_waited_for_a_place_do_not_wait_for_the_same_silence(self) -> None:
        self.make({"connections_per_destination": 1})
        self.net.hosts["192.0.2.3"] = None
        works = [self.begin("a@y.example") for _ in range(2000)]
        self.turn(30)
        for work in works:
            self.assertEqual(451, self.successResultOf(work)[0].status.code)
        self.assertEqual(1, len(self.net.tried))


class Marks(RelayCase):
    """Mail that leaves through an alias is marked with it, for its own recipients alone."""

    def test_each_recipient_with_its_own_alias(self) -> None:
        aliases = (address("x@us.example"), address("y@us.example"))
        self.send(
            envelope=envelope_to(
                "plain@x.example",
                replace(path("a@x.example"), through=aliases[:1]),
                replace(path("b@x.example"), through=aliases[:1]),
                replace(path("c@x.example"), through=aliases),
            )
        )
        first, second = (f"Delivered-To: {alias}\r\n" for alias in aliases)
        self.assertEqual(
            {
                ("plain@x.example", TEXT),
                ("a@x.example", "b@x.example", first + TEXT),
                ("c@x.example", second + first + TEXT),
            },
            set(self.mx1.mail),
        )

    def test_the_size_is_that_of_what_is_sent(self) -> None:
        self.mx1.offers = ("PIPELINING", f"SIZE {len(TEXT)}")
        marked = replace(path("a@x.example"), through=(address("x@us.example"),))
        self.assertIn("failed 552", self.send(envelope=envelope_to(marked))[0])


class Reports(RelayCase):
    def dsn(self) -> Envelope:
        return envelope_to(path("a@x.example", original="rfc822;a@x.example"))

    def test_who_takes_over_reporting(self) -> None:
        self.mx1.offers = ("PIPELINING", "DSN")
        self.assertEqual([f"passed-on 250 {BY_1}"], self.send(envelope=self.dsn()))
        self.assertIn("RCPT TO:<a@x.example> ORCPT=rfc822;a@x.example", self.mx1.said)

    def test_who_does_not(self) -> None:
        self.assertEqual([f"relayed 250 {BY_1}"], self.send(envelope=self.dsn()))
        self.assertIn("RCPT TO:<a@x.example>", self.mx1.said)


class TLS(RelayCase):
    def setUp(self) -> None:
        super().setUp()
        self.mx.offers = ("PIPELINING", "STARTTLS")

    def test_it_is_used_where_it_is_offered_without_asking_who_it_is(self) -> None:
        self.assertEqual(["relayed 250 mx.y.example [192.0.2.3]"], self.send("a@y.example"))
        self.assertEqual([("mx.y.example", False)], self.tls)
        self.assertEqual(2, [word[:4] for word in self.mx.said].count("EHLO"))

    def test_a_handshake_that_fails_has_us_come_again_without(self) -> None:
        self.mx.tls = "bad"
        self.assertEqual(["relayed 250 mx.y.example [192.0.2.3]"], self.send("a@y.example"))
        self.assertEqual(2, self.mx.connections)

    def test_a_refusal_has_us_go_on_without(self) -> None:
        self.mx.replies["STARTTLS"] = "454 4.7.0 not now"
        self.assertEqual(["relayed 250 mx.y.example [192.0.2.3]"], self.send("a@y.example"))
        self.assertEqual(1, self.mx.connections)

    def test_required_it_is_verified_or_the_mail_waits(self) -> None:
        self.make({"route": [{"via": "smart.example:25", "tls": "require"}]})
        for offers, tls, outcome in (
            (("STARTTLS",), "good", "relayed 250 smart.example [192.0.2.9]"),
            (("STARTTLS",), "bad", "delayed 451 smart.example [192.0.2.9]"),
            ((), "good", "delayed 451 smart.example [192.0.2.9]"),
        ):
            self.smart.offers, self.smart.tls, self.smart.mail = ("PIPELINING", *offers), tls, []
            self.assertEqual([outcome], self.send("a@y.example"))
            self.assertEqual(int(outcome.startswith("relayed")), len(self.smart.mail))
            self.turn(FAILURE_MEMORY)
        self.assertEqual({("smart.example", True)}, set(self.tls))

    def test_never_means_never(self) -> None:
        self.make({"route": [{"via": "smart.example:25", "tls": "never"}]})
        self.smart.offers = ("STARTTLS",)
        self.send("a@y.example")
        self.assertEqual([], self.tls)
        self.assertEqual(1, len(self.smart.mail))


class Smarthost(RelayCase):
    def login(self, tls: str = "opportunistic") -> None:
        password = {"env": "ISP"}
        route = {"via": "smart.example:587", "user": "me", "password": password, "tls": tls}
        self.make({"route": [route]}, {Secret(env="ISP"): "secret"})

    def test_a_login_over_tls(self) -> None:
        self.login()
        self.smart.offers = ("PIPELINING", "STARTTLS", "AUTH PLAIN")
        self.smart.replies["AUTH"] = "235 2.7.0 welcome"
        self.assertEqual(["relayed 250 smart.example [192.0.2.9]"], self.send("a@y.example"))
        self.assertIn("AUTH PLAIN AG1lAHNlY3JldA==", self.smart.said)
        self.assertEqual(["192.0.2.9:587"], self.net.tried)

    def test_no_password_without_tls(self) -> None:
        self.login()
        for offers, tls in ((("AUTH PLAIN",), "good"), (("STARTTLS", "AUTH PLAIN"), "bad")):
            self.smart.offers, self.smart.tls = ("PIPELINING", *offers), tls
            self.assertIn("delayed 45", self.send("a@y.example")[0])
            self.assertFalse([word for word in self.smart.said if word.startswith("AUTH")])
            self.turn(FAILURE_MEMORY)

    def test_a_login_that_is_refused_has_the_mail_wait(self) -> None:
        self.login()
        self.smart.offers = ("STARTTLS", "AUTH PLAIN")
        self.smart.replies["AUTH"] = "535 5.7.8 wrong"
        self.assertEqual(["delayed 451 smart.example [192.0.2.9]"], self.send("a@y.example"))
        self.assertEqual([], self.smart.mail)

    def test_only_after_some_attempts(self) -> None:
        self.make({"route": [{"via": "smart.example", "after_attempts": 2}]})
        for attempts, host in ((0, "192.0.2.3:25"), (1, "192.0.2.3:25"), (2, "192.0.2.9:25")):
            self.send("a@y.example", attempts=attempts)
            self.turn(10)
            self.assertEqual(host, self.net.tried[-1])

    def test_our_own_address(self) -> None:
        self.make({"bind": "192.0.2.77"})
        self.send("a@y.example")
        self.assertEqual([("192.0.2.77", 0)], self.net.bound)


class Bugs(RelayCase):
    def test_a_bug_for_one_destination_keeps_the_others_outcomes(self) -> None:
        self.record_tls = self.raising  # type: ignore[method-assign]
        self.make({})
        self.mx.offers = ("STARTTLS",)
        work = self.begin("a@x.example", "b@y.example")
        self.turn()
        self.failureResultOf(work, ZeroDivisionError)
        self.assertEqual(["a@x.example"], [str(each.recipient.address) for each in self.carried])
        self.assertEqual(0, self.mx.open)

    def raising(self, name: str, decision: TLSDecision) -> object:
        raise ZeroDivisionError
