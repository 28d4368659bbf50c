"""The explanations of replies, which are as the receivers send them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.model import RouteTLS
from mailhost.doctor.replies.basic import BASIC
from mailhost.doctor.replies.enhanced import ENHANCED
from mailhost.doctor.replies.explain import NO_EXPLANATION, explain
from mailhost.doctor.replies.explanation import Actor
from mailhost.doctor.replies.own import OWN
from mailhost.doctor.replies.receivers import KNOWN
from mailhost.message.tls_demand import TLSDemand
from mailhost.mta_sts.policy import Mode, STSPolicy
from mailhost.relay.tls.decision import HostFacts, TLSPolicies
from mailhost.relay.tls.demands import decide_for_message
from mailhost.relay.tls.memory import BestTLS, ExpectedTLS
from mailhost.relay.tls.session import unusable

REPLIES = (
    ("421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred", "Yahoo", "complaints"),
    ("553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1", "Yahoo", "blocklist"),
    (
        "550-5.7.26 Your email has been blocked because the sender is unauthenticated. "
        "ffacd0b85a97d-3a8 - gsmtp",
        "Gmail",
        "neither SPF nor DKIM",
    ),
    ("421 4.7.28 Gmail has detected an unusual rate of mail - gsmtp", "Gmail", "limits"),
    ("550-5.7.25 The IP address has no PTR record - gsmtp", "Gmail", "reverse name"),
    ("550 5.7.32 Your email has been rate limited - gsmtp", "Gmail", "alignment"),
    (
        "550 5.7.515 Access denied, sending domain EXAMPLE.ORG does not meet the required "
        "authentication level.",
        "Microsoft",
        "5,000",
    ),
    (
        "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your "
        "Internet service provider since part of their network is on our block list (S3150).",
        "Microsoft",
        "blocklist",
    ),
    ("421 RP-001 The mail server IP connecting has exceeded the rate", "Microsoft", "reputation"),
    (
        "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org",
        "Spamhaus",
        "PBL",
    ),
    ("450 4.2.0 <bob@example.net>: Greylisted, see http://postgrey", "the receiving", "greylists"),
    ("454 4.7.1 <bob@example.net>: Relay access denied", "the receiving", "does not serve"),
    ("550 5.7.1 Client does not have a reverse DNS record", "the receiving", "reverse name"),
    ("552 Mailbox full", "the receiving", "full"),
    ("550 no such user here", "the receiving", "does not exist"),
)


class Explain(SynchronousTestCase):
    def test_the_words_of_receivers(self) -> None:
        for text, receiver, words in REPLIES:
            found = explain(text)
            assert found.known is not None, text
            self.assertTrue(found.known.receiver.startswith(receiver), (text, found.known.receiver))
            self.assertIn(words, found.advice.meaning, text)

    def test_deferrals_of_this_host(self) -> None:
        """As the relay words them, for each rule that decides about TLS."""
        host = HostFacts("mx.far.test", secure=True)
        sts = STSPolicy(Mode.ENFORCE, 86400, ("mx.far.test",))
        remembered = replace(host, expected=ExpectedTLS(BestTLS(20_000), True))
        for decision, actor in (
            (decide_for_message(TLSPolicies("far.test", sts=sts), host), Actor.THEM),
            (decide_for_message(TLSPolicies("far.test", RouteTLS.REQUIRE), host), Actor.US),
            (
                decide_for_message(TLSPolicies("far.test", demand=TLSDemand.REQUIRED), host),
                Actor.SENDER,
            ),
            (decide_for_message(TLSPolicies("far.test"), remembered), Actor.THEM),
        ):
            found = explain(str(unusable("mx.far.test", decision, "no STARTTLS")))
            assert found.known is not None, decision
            self.assertEqual("this host", found.known.receiver)
            self.assertIs(actor, found.advice.actor, decision.decided)

    def test_a_code_of_gmail_is_not_taken_for_that_of_others(self) -> None:
        found = explain("550 5.7.30 REQUIRETLS support required")
        self.assertIsNone(found.known)
        self.assertIn("REQUIRETLS", found.advice.meaning)

    def test_the_enhanced_code_is_more_exact_than_the_code(self) -> None:
        self.assertIs(explain("554 5.3.4 Sorry").advice, ENHANCED["3.4"])

    def test_an_unknown_detail_is_explained_by_its_subject(self) -> None:
        self.assertIs(explain("554 5.1.99 Sorry").advice, ENHANCED["1.0"])

    def test_an_enhanced_code_without_a_detail(self) -> None:
        self.assertIs(explain("552 5.0.0 Sorry").advice, BASIC[552])

    def test_an_unknown_code_is_explained_by_its_class(self) -> None:
        self.assertIn("defers", explain("459 Sorry").advice.meaning)

    def test_success_has_no_fault(self) -> None:
        found = explain("250 2.6.0 Queued; the mailbox quota was exceeded by no means")
        self.assertIsNone(found.known)
        self.assertIs(found.advice.actor, Actor.NO_ONE)

    def test_a_text_without_meaning(self) -> None:
        self.assertIs(explain("hello").advice, NO_EXPLANATION)

    @given(st.text())
    def test_any_text_is_explained(self, text: str) -> None:
        self.assertTrue(explain(text).advice.remedy)

    def test_each_explanation_is_in_whole_sentences(self) -> None:
        tables = (
            *BASIC.values(),
            *ENHANCED.values(),
            *(each.explanation for each in (*OWN, *KNOWN)),
        )
        for each in tables:
            for text in (each.meaning, each.remedy):
                self.assertTrue(text.endswith("."), text)
                self.assertTrue(text[0].isupper() or text[0] in "`i", text)
