"""The explanations of messages, one test for each question that an operator has."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from mailhost.config.model import Listen
from mailhost.config.protocol import ListenProtocol
from mailhost.explain.explainer import choose_listener
from mailhost.explain.explanation import (
    CannotExplain,
    Exchange,
    Explanation,
    HostView,
    MailboxView,
    NextHopView,
    StepView,
)
from mailhost.explain.filters import (
    FILTER_LIMIT,
    LATER,
    NOT_ASKED,
    NOT_REACHED,
    NOTIFIED,
    ONLY_REAL,
)
from mailhost.explain.proxied import DECIDED_BEHIND
from mailhost.interfaces.accounts import Account
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.dns import Found, ResolveFailed, TLSARecord
from mailhost.interfaces.filters import IFilter, IPreview
from mailhost.interfaces.verdict import Mail, Stage, Verdict, quarantine
from mailhost.message.status import Status
from mailhost.mta_sts.policy import Mode, STSPolicy
from mailhost.reception.filters.chain import ChainLink
from mailhost.relay.tls.decision import TLSPolicies
from tests.explain.explaining import LIMIT, NETWORK, RESOLVER, ExplainCase, settings
from tests.fakes import address, domain, view_of
from tests.reception.filters.chain_fakes import FakeFilter

ANN = {"user": "ann@a.example", "client": "192.0.2.7"}


@implementer(IFilter, IPreview)
class Previewed(FakeFilter):
    """A filter with the same answer to both questions."""

    def preview(self, mail: Mail) -> Answer[Verdict]:
        before = list(self.asked)
        answer = self.look(mail)
        self.asked = before
        return answer


class ListenerTests(ExplainCase):
    filtered = False

    def chosen(self, wanted: str = "", login: bool = False) -> str:
        return choose_listener(self.settings, wanted, login).protocol.value

    def test_the_listener_is_chosen_by_the_login(self) -> None:
        self.assertEqual(("smtp", "submission"), (self.chosen(), self.chosen(login=True)))
        self.settings = settings("lmtp", "submissions", "smtp")
        self.assertEqual(("smtp", "submissions"), (self.chosen(), self.chosen(login=True)))
        self.settings = settings("lmtp")
        self.assertEqual("lmtp", self.chosen(login=True))

    def test_the_listener_is_named_by_protocol_port_or_endpoint(self) -> None:
        for wanted in ("submissions", "27", "tcp:27"):
            self.assertEqual("submissions", self.chosen(wanted), wanted)
        listen = Listen(protocol=ListenProtocol.SMTP, endpoint="tcp:127.0.0.1:2525", upstream=())
        self.settings = self.settings.model_copy(update={"listen": (listen,)})
        for wanted in ("tcp:127.0.0.1:2525", "tcp:2525:interface=127.0.0.1", "127.0.0.1:2525"):
            self.assertEqual("smtp", self.chosen(wanted), wanted)
        listen = Listen(protocol=ListenProtocol.SMTP, endpoint="tcp:[::1]:2525", upstream=())
        self.settings = self.settings.model_copy(update={"listen": (listen,)})
        self.assertEqual("smtp", self.chosen("[::1]:2525"))

    def test_a_listener_that_is_not_there(self) -> None:
        for listener in ("pop3", "99", "proxy"):
            with self.assertRaisesRegex(CannotExplain, r"are: smtp \(0\.0\.0\.0:25\), submission"):
                self.chosen(listener)
        self.settings = settings("imap")
        self.assertRaises(CannotExplain, self.chosen)

    def test_what_is_shown(self) -> None:
        found = self.explain("sue@far.example", "ann@a.example")
        self.assertEqual(("smtp", "tcp:25"), (found.listener.protocol, found.listener.endpoint))
        self.assertEqual("0.0.0.0:25", found.listener.address)
        self.assertIn("from all clients", found.listener.rule)
        self.assertEqual(LIMIT, found.listener.message_size)
        login = self.explain("ann@a.example", "ann@a.example", **ANN)
        self.assertIn("must log in", login.listener.rule)

    def test_questions_that_cannot_be_answered(self) -> None:
        for more in (
            {"client": "localhost"},
            {"user": "ann"},
            {"hello": "a b"},
            {"hello": "a\r\nDATA"},
            {"sender": "nonsense"},
            {"recipient": "x@"},
            {"recipient": "a@b.example\r\nDATA"},
        ):
            question = {"sender": "<>", "recipient": "ann@a.example"} | more
            self.assertRaises(CannotExplain, self.question, **question)

    def test_values_of_other_types(self) -> None:
        for name, value in (
            ("sender", None),
            ("recipient", ["ann@a.example"]),
            ("client", 5),
            ("user", 5),
            ("listener", 25),
            ("hello", 5),
            ("size", "large"),
            ("size", "7"),
            ("size", 1.5),
            ("size", True),
            ("size", -1),
            ("tls", "none"),
            ("tls", None),
        ):
            question: dict[str, Any] = {"sender": "<>", "recipient": "ann@a.example", name: value}
            with self.assertRaisesRegex(CannotExplain, f"^{name} must be a "):
                self.question(**question)


class ClientTests(ExplainCase):
    filtered = False

    def test_a_stranger(self) -> None:
        found = self.explain("sue@far.example", "sue@far.example")
        self.assertEqual(("192.0.2.1", False), (found.client.ip, found.client.tls))
        self.assertFalse(found.relay.allowed)
        self.assertIn("relay.networks", found.relay.reason)
        self.assertEqual(
            Exchange(
                "RCPT TO:<sue@far.example>",
                "550 5.7.1 Not a domain of ours; log in to send elsewhere",
            ),
            found.session[-1],
        )

    def test_a_listed_network(self) -> None:
        found = self.explain("sue@far.example", "sue@far.example", client="198.51.100.7")
        self.assertTrue(found.relay.allowed)
        self.assertIn(str(NETWORK), found.relay.reason)
        self.assertIn("250 2.1.5", found.session[-1].reply)

    def test_an_address_from_which_relaying_is_stopped(self) -> None:
        self.stopped.replace(frozenset({"198.51.100.7"}))
        found = self.explain("sue@far.example", "sue@far.example", client="198.51.100.7")
        self.assertFalse(found.relay.allowed)
        self.assertIn("mailhost doctor looked 198.51.100.7", found.relay.reason)
        self.assertIn("451 4.7.1", found.session[-1].reply)

    def test_a_login(self) -> None:
        found = self.explain("ann@a.example", "sue@far.example", **ANN)
        self.assertEqual(
            ("ann@a.example", True, ""),
            (found.client.account, found.client.tls, found.client.login),
        )
        self.assertTrue(found.relay.allowed)
        self.assertIn("ann@a.example", found.relay.reason)
        self.assertTrue(found.sender.allowed)

    def test_a_login_by_another_form_of_the_name(self) -> None:
        found = self.explain("ann@a.example", "sue@far.example", user="ANN@also.example")
        self.assertEqual("ann@a.example", found.client.account)
        self.assertTrue(found.sender.allowed)

    def test_a_sender_that_is_not_the_users(self) -> None:
        found = self.explain("bob@a.example", "sue@far.example", **ANN)
        self.assertFalse(found.sender.allowed)
        self.assertIn("553 5.7.1", found.session[-1].reply)
        team = self.explain("team@a.example", "sue@far.example", **ANN)
        self.assertEqual(
            (True, "mail for team@a.example reaches ann@a.example"),
            (team.sender.allowed, team.sender.reason),
        )

    def test_logins_that_would_be_refused(self) -> None:
        gone = self.explain("<>", "ann@a.example", user="gone@a.example")
        self.assertIn("no such account", gone.client.login)
        accounts = {"ann": Account(address("ann@a.example"))}
        self.directory.view = view_of(replace(domain("a.example"), accounts=accounts))
        self.assertIn("no password", self.explain("<>", "ann@a.example", **ANN).client.login)
        self.make()
        self.refused_logins["ann@a.example"] = Status(421, "4.7.0", "Too many failed logins")
        self.assertIn("Too many", self.explain("<>", "ann@a.example", **ANN).client.login)

    def test_a_client_that_must_log_in_first(self) -> None:
        found = self.explain("ann@a.example", "sue@far.example", listener="submission")
        self.assertEqual("530 5.7.0 Log in first", found.session[-1].reply)
        self.assertFalse(found.relay.allowed)


class WayTests(ExplainCase):
    filtered = False

    def to(self, recipient: str, **more: Any) -> Explanation:
        return self.explain("sue@far.example", recipient, client="198.51.100.7", **more)

    def test_a_mailbox_and_its_quota(self) -> None:
        way = self.to("max@full.example").way
        self.assertEqual((StepView("max@full.example", "mailbox", "max@full.example"),), way.steps)
        self.assertEqual((MailboxView("max@full.example", 10, True),), way.mailboxes)
        full = self.to("max@full.example", size=11)
        self.assertFalse(full.way.mailboxes[0].fits)
        self.assertIn("452 4.2.2", full.session[-1].reply)
        self.assertIsNone(self.to("ann@a.example").way.mailboxes[0].quota)

    def test_aliases_step_by_step(self) -> None:
        way = self.to("team+x@also.example").way
        targets = ("ann@a.example", "bob@a.example", "sue@far.example")
        self.assertEqual(
            (
                StepView("team+x@also.example", "alias", "team@a.example", targets),
                StepView("ann@a.example", "mailbox", "ann@a.example"),
                StepView("bob@a.example", "mailbox", "bob@a.example"),
                StepView("sue@far.example", "elsewhere", "sue@far.example"),
            ),
            way.steps,
        )
        self.assertEqual(["ann@a.example", "bob@a.example"], [b.account for b in way.mailboxes])
        self.assertEqual(["sue@far.example"], [hop.address for hop in way.next_hops])

    def test_a_loop_and_an_unknown_name(self) -> None:
        found = self.to("a-loop@a.example")
        self.assertEqual(["alias", "alias", "loop"], [each.rule for each in found.way.steps])
        self.assertEqual(found.session[-1].reply, found.way.result)
        self.assertIn("550 5.1.1", self.to("nobody@a.example").way.result)

    def test_mx_hosts_in_their_order(self) -> None:
        (hop,) = self.to("sue@far.example").way.next_hops
        self.assertEqual(("", 25, ""), (hop.route, hop.port, hop.trouble))
        tls = "TLS where the host offers it; the certificate is not verified (decided by "
        tls += "opportunistic TLS)"
        self.assertEqual((tls, "there is no MTA-STS policy"), (hop.tls, hop.policy))
        gone = "550 5.4.4 The domain has no host that takes mail: gone.far.example does not exist"
        self.assertEqual(
            (
                HostView("gone.far.example", 10, trouble=gone),
                HostView("mx1.far.example", 10, ("192.0.2.9",), tls=tls),
                HostView("mx2.far.example", 20, ("2001:db8::9", "192.0.2.10"), tls=tls),
            ),
            hop.hosts,
        )

    def hop(self, sts: STSPolicy | None = None) -> NextHopView:
        """The next hop of far.example, whose policy of MTA-STS is known."""
        policies = TLSPolicies("far.example", sts=sts)
        self.patch(self.relay, "known_policies", lambda next_hop: succeed(policies))
        (hop,) = self.to("sue@far.example").way.next_hops
        return hop

    def test_the_tls_that_a_policy_demands(self) -> None:
        hop = self.hop(STSPolicy(Mode.ENFORCE, 86400, ("mx1.far.example",)))
        self.assertEqual(
            ("", "the MTA-STS policy is mode enforce, mx mx1.far.example, for 86400 s"),
            (hop.tls, hop.policy),
        )
        by = "(decided by the MTA-STS policy of far.example (mode enforce))"
        self.assertEqual(
            [
                "TLS is required; a trusted authority must have issued the certificate for "
                f"mx1.far.example {by}",
                f"no mail is sent to it: the policy does not name the MX host mx2.far.example {by}",
            ],
            [host.tls for host in hop.hosts if not host.trouble],
        )

    def test_a_policy_that_is_only_tested(self) -> None:
        hop = self.hop(STSPolicy(Mode.TESTING, 86400, ("*.far.example",)))
        self.assertIn("TLS where the host offers it; a trusted", hop.hosts[1].tls)
        self.assertIn("mx1.far.example; a failure is only reported", hop.hosts[1].tls)

    def test_a_policy_that_is_not_known_is_not_fetched(self) -> None:
        name = ("TXT", "_mta-sts.far.example")
        for records, policy in (
            ([b"v=STSv1; id=1"], "there is an MTA-STS policy, which is fetched at the next mail"),
            (Found.FAILED, "it is not known whether there is an MTA-STS policy"),
        ):
            self.patch(RESOLVER, "records", {name: records})
            self.assertIn(policy, self.hop().policy)

    def test_the_tls_that_tlsa_records_demand(self) -> None:
        name = "_25._tcp.mx1.far.example"
        self.patch(RESOLVER, "secure", {"far.example", "mx1.far.example", name})
        self.patch(RESOLVER, "records", {("TLSA", name): [TLSARecord(3, 1, 1, bytes(32))]})
        self.assertEqual(
            "TLS is required; the certificate must fit the TLSA records (decided by the TLSA "
            "records of mx1.far.example (DANE))",
            self.hop().hosts[1].tls,
        )

    def test_requiretls(self) -> None:
        """The client has TLS, and hosts that nothing names securely get no copy."""
        found = self.to("sue@far.example", tls="required")
        self.assertEqual("MAIL FROM:<sue@far.example> REQUIRETLS", found.session[2].command)
        self.assertTrue(found.client.tls)
        self.assertEqual("250", found.session[2].reply[:3])
        (hop,) = found.way.next_hops
        text = "no mail is sent to it: neither DNSSEC nor an MTA-STS policy names mx1.far.example"
        self.assertIn(text, hop.hosts[1].tls)
        self.patch(RESOLVER, "secure", {"far.example"})
        (hop,) = self.to("sue@far.example", tls="required").way.next_hops
        self.assertEqual(
            "TLS is required; a trusted authority must have issued the certificate for "
            "mx1.far.example (decided by the demand of the sender (REQUIRETLS)); the host must "
            "offer REQUIRETLS",
            hop.hosts[1].tls,
        )

    def test_requiretls_by_a_route(self) -> None:
        self.patch(RESOLVER, "_addresses", {"smart.example": ["192.0.2.11"]})
        (hop,) = self.to("x@routed.example", tls="required").way.next_hops
        self.assertIn("issued the certificate for smart.example (decided by the demand", hop.tls)
        self.assertTrue(hop.tls.endswith("the host must offer REQUIRETLS"))

    def test_requiretls_of_a_bounce_keeps_nothing_back(self) -> None:
        (hop,) = self.explain("<>", "sue@far.example", tls="required").way.next_hops
        self.assertIn("decided by opportunistic TLS", hop.tls)

    def test_tls_that_is_optional(self) -> None:
        sts = STSPolicy(Mode.ENFORCE, 86400, ("mx1.far.example",))
        policies = TLSPolicies("far.example", sts=sts)
        self.patch(self.relay, "known_policies", lambda next_hop: succeed(policies))
        found = self.to("sue@far.example", tls="optional")
        self.assertEqual("MAIL FROM:<sue@far.example>", found.session[2].command)
        (hop,) = found.way.next_hops
        self.assertIn("a failure is only reported (decided by the wish of", hop.hosts[1].tls)

    def test_a_domain_that_does_not_exist(self) -> None:
        (hop,) = self.to("x@gone.example").way.next_hops
        self.assertEqual("550 5.1.2 The domain does not exist", hop.trouble)

    def test_dns_that_does_not_answer(self) -> None:
        self.patch(RESOLVER, "_mx", {"far.example": ResolveFailed("timed out")})
        (hop,) = self.to("sue@far.example").way.next_hops
        self.assertIn("451 4.4.3", hop.trouble)

    def test_a_route_with_a_login(self) -> None:
        (hop,) = self.to("x@routed.example").way.next_hops
        self.assertEqual(("smart.example:465", 465), (hop.route, hop.port))
        self.assertIn("required, because the route has a login, from the first octet", hop.tls)
        self.assertEqual("smart.example", hop.hosts[0].name)

    def test_signatures(self) -> None:
        signed = self.explain("ann@a.example", "sue@far.example", **ANN).signing
        self.assertEqual(
            ("a.example", ("s1",), ""), (signed.domain, signed.selectors, signed.reason)
        )
        kit = self.explain("kit@b.example", "sue@far.example", user="kit@b.example").signing
        self.assertEqual(("b.example", ()), (kit.domain, kit.selectors))
        self.assertIn("no key in use", kit.reason)
        foreign = self.to("sue@far.example").signing
        self.assertIn("no domain that signs here", foreign.reason)
        stranger = self.explain("ann@a.example", "bob@a.example").signing
        self.assertIn("without a login", stranger.reason)


class FilterTests(ExplainCase):
    def answers(
        self, *, sender: str = "sue@far.example", **more: Any
    ) -> dict[tuple[str, str], str]:
        """The answers of the filters by stage and name."""
        found = self.explain(sender, "bob@old.example", **more)
        return {(each.stage, each.name): each.answer for each in found.filters}

    def test_all_filters_in_their_order(self) -> None:
        found = self.explain("sue@far.example", "bob@old.example", size=10)
        shown = [(each.stage, each.name, each.mode, each.answer) for each in found.filters]
        self.assertEqual(
            [
                ("connected", "milter", "enforce", NOT_ASKED),
                ("hello", "milter", "enforce", NOT_ASKED),
                ("sender", "bad", "enforce", "pass"),
                ("sender", "watch", "observe", "reject"),
                ("sender", "size", "enforce", "pass"),
                ("sender", "rewrite", "enforce", "pass"),
                ("sender", "rate", "enforce", "pass"),
                ("sender", "milter", "enforce", NOT_ASKED),
                ("recipient", "rewrite", "enforce", "edit"),
                ("recipient", "milter", "enforce", NOT_ASKED),
                ("recipient", "greylist", "enforce", "defer"),
                ("message", "watch", "observe", NOT_ASKED),
                ("message", "size", "enforce", NOT_ASKED),
                ("message", "own", "enforce", NOT_ASKED),
                ("message", "milter", "enforce", NOT_ASKED),
                ("end", "events", "enforce", NOT_ASKED),
            ],
            shown,
        )
        self.assertIn("[greylist]", found.session[-1].reply)
        reasons = {(each.stage, each.name): each.reason for each in found.filters}
        self.assertEqual(ONLY_REAL, reasons["sender", "milter"])
        self.assertEqual(f"{LATER}; only with the tag seldom", reasons["message", "own"])
        self.assertEqual(NOTIFIED, reasons["end", "events"])
        self.assertEqual(
            "recipient bob@old.example becomes bob@a.example", reasons["recipient", "rewrite"]
        )

    def test_the_way_is_that_of_the_rewritten_recipient(self) -> None:
        found = self.explain("sue@far.example", "bob@old.example", client="198.51.100.7")
        self.assertEqual("bob@a.example", found.recipient)
        self.assertEqual("mailbox", found.way.steps[0].rule)

    def test_a_refusal_ends_the_session(self) -> None:
        found = self.explain("sue@bad.example", "ann@a.example")
        self.assertEqual("MAIL FROM:<sue@bad.example>", found.session[-1].command)
        self.assertIn("550 5.7.1 Your sender is refused [bad]", found.session[-1].reply)
        last = next(each for each in found.filters if each.name == "greylist")
        self.assertEqual(NOT_REACHED, last.reason)

    def test_nothing_is_remembered(self) -> None:
        for _ in range(3):
            self.answers()
        self.assertFalse(os.path.exists(self.greylist))
        self.assertEqual(([], []), (self.own.asked, self.visited.calls))
        self.assertEqual([], self.witness.calls)
        self.assertEqual({}, dict(self.counts.filters))
        self.assertEqual([], self.events.told)

    def test_a_filter_that_fails(self) -> None:
        failing = Previewed(OSError("no list"), Stage.SENDER)
        self.chain = self.chain_of([ChainLink("list", failing)])
        found = self.explain("sue@far.example", "ann@a.example")
        self.assertEqual(("failed", "no list"), (found.filters[0].answer, found.filters[0].reason))
        self.assertEqual(
            "451 4.3.0 A filter failed here; please try again later [list]", found.session[-1].reply
        )

    def test_a_filter_that_does_not_answer(self) -> None:
        silent: Deferred[Verdict] = Deferred()
        self.chain = self.chain_of([ChainLink("slow", Previewed(silent, Stage.SENDER))])
        asking = Deferred.fromCoroutine(self.asked("sue@far.example", "ann@a.example"))
        self.clock.advance(FILTER_LIMIT)
        found = self.successResultOf(asking)
        self.assertEqual("no answer within 10 seconds", found.filters[0].reason)
        self.assertIn("451 4.3.0", found.session[-1].reply)

    def test_a_filter_of_the_operator_may_give_a_preview(self) -> None:
        own = Previewed(quarantine("odd"), Stage.RECIPIENT)
        self.chain = self.chain_of([ChainLink("own", own)])
        found = self.explain("sue@far.example", "ann@a.example")
        self.assertEqual("quarantine", found.filters[0].answer)
        self.assertEqual([], own.asked)
        self.assertEqual([], self.queue.kept)


class ProxyTests(ExplainCase):
    def test_the_server_behind_is_not_asked(self) -> None:
        self.settings = settings("proxy")
        found = self.explain("sue@bad.example", "ann@a.example", listener="proxy")
        self.assertIn("[bad]", found.session[-1].reply)
        found = self.explain("sue@far.example", "ann@a.example", client="198.51.100.7")
        self.assertEqual(str(DECIDED_BEHIND), found.session[-1].reply)
        self.assertEqual((), found.way.steps)
        self.assertIn("server behind", found.relay.reason)
