"""The decision about a message, by the settings and the evidence."""

from __future__ import annotations

from typing import Any

from mailhost.interfaces.dns import Found
from mailhost.interfaces.verdict import Decision, Verdict
from mailhost.reception.filters.authenticity.known_clients import MOST_KNOWN, REMEMBERED
from tests.reception.filters.authenticity.case import (
    QUARANTINE,
    REJECT,
    SPF_FAIL,
    SPF_PASS,
    TEXT,
    ExaminedCase,
    key_of,
    signed,
)

BROKEN = signed(TEXT).replace(b"\r\nHello", b"\r\nChanged")
LIST = b"List-Id: Sue's friends <friends.lists.org>\r\n" + TEXT


class PolicyCase(ExaminedCase):
    def decided(
        self, wanted: Decision, text: bytes, *records: dict[Any, Any], **more: Any
    ) -> Verdict:
        """Check the decision on a message."""
        together = {key: value for each in records for key, value in each.items()}
        verdict = self.look(text, together, **more)
        self.assertIs(verdict.decision, wanted, verdict)
        return verdict

    def override(self, verdict: Verdict) -> str:
        """The word of RFC 9990 for why a policy was not applied."""
        assert verdict.facts is not None and verdict.facts.mail.authentication is not None
        return verdict.facts.mail.authentication.override


class DMARCTests(PolicyCase):
    def test_nothing_without_a_policy(self) -> None:
        self.decided(Decision.PASS, TEXT, SPF_FAIL)
        self.decided(Decision.PASS, TEXT, SPF_FAIL, {("TXT", "_dmarc.far.org"): [b"v=DMARC1"]})

    def test_quarantine_is_junk(self) -> None:
        verdict = self.decided(Decision.JUNK, TEXT, QUARANTINE, SPF_FAIL)
        self.assertIn("far.org asks for quarantine", verdict.reason)
        self.decided(Decision.PASS, signed(TEXT), QUARANTINE, SPF_FAIL, key_of("far.org"))

    def test_reject_where_all_evidence_agrees(self) -> None:
        for spf in ({}, SPF_FAIL, {("TXT", "far.org"): [b"v=spf1 ~all"]}):
            verdict = self.decided(Decision.REJECT, TEXT, REJECT, spf)
            assert verdict.status is not None
            self.assertTrue(str(verdict.status).startswith("550 5.7.26 far.org has p=reject"))

    def test_reject_is_junk_where_one_thing_speaks_for_a_forwarder(self) -> None:
        elsewhere = {("TXT", "list.org"): [b"v=spf1 ip4:192.0.2.7 -all"]}
        for text in (BROKEN, LIST, b"ARC-Seal: i=1\r\n" + TEXT):
            verdict = self.decided(Decision.JUNK, text, REJECT, SPF_FAIL, key_of("far.org"))
            self.assertEqual(self.override(verdict), "local_policy")
        self.decided(Decision.JUNK, TEXT, REJECT, elsewhere, sender="x@list.org")
        self.decided(Decision.JUNK, TEXT, REJECT, {("TXT", "far.org"): [b"v=spf1 ?all"]})

    def test_reject_of_a_known_client_is_junk(self) -> None:
        self.decided(Decision.PASS, TEXT, REJECT, SPF_PASS)
        self.decided(Decision.JUNK, TEXT, REJECT, SPF_FAIL)
        self.clock.advance(REMEMBERED)
        self.decided(Decision.REJECT, TEXT, REJECT, SPF_FAIL)

    def test_known_clients_are_bounded(self) -> None:
        self.known.note("192.0.2.1", "a.org")
        self.assertTrue(self.known.knows("192.0.2.99", "a.org"))
        self.assertFalse(self.known.knows("192.0.3.1", "a.org"))
        for number in range(MOST_KNOWN):
            self.known.note("2001:db8::1", f"{number}.org")
        self.assertFalse(self.known.knows("192.0.2.1", "a.org"))

    def test_reject_by_the_settings(self) -> None:
        self.decided(Decision.REJECT, BROKEN, REJECT, SPF_FAIL, key_of("far.org"), reject="always")
        self.decided(Decision.JUNK, TEXT, REJECT, SPF_FAIL, reject="never")

    def test_a_domain_that_tests_gets_one_step_less(self) -> None:
        for policy, wanted in (("reject", Decision.JUNK), ("quarantine", Decision.PASS)):
            record = {("TXT", "_dmarc.far.org"): [f"v=DMARC1; p={policy}; t=y".encode()]}
            verdict = self.decided(wanted, TEXT, record, SPF_FAIL)
            self.assertEqual(self.override(verdict), "policy_test_mode")

    def test_authors_that_are_not_clear(self) -> None:
        for text in (
            b"Subject: no author\r\n\r\n",
            b"From: a@far.org\r\nFrom: b@far.org\r\n\r\n",
            b"From: a@far.org, b@near.org\r\n\r\n",
        ):
            verdict = self.decided(Decision.JUNK, text, SPF_PASS)
            self.assertIn(b"dmarc=permerror", self.header(verdict))


class SPFTests(PolicyCase):
    """-all alone."""

    def test_only_as_the_settings_say(self) -> None:
        self.decided(Decision.PASS, TEXT, SPF_FAIL)
        self.decided(Decision.JUNK, TEXT, SPF_FAIL, spf_fail="junk")
        verdict = self.decided(Decision.REJECT, TEXT, SPF_FAIL, spf_fail="reject")
        self.assertIn("550 5.7.23", str(verdict.status))

    def test_not_where_a_signature_of_the_author_passes(self) -> None:
        records = (QUARANTINE, SPF_FAIL, key_of("far.org"))
        self.decided(Decision.PASS, signed(TEXT), *records, spf_fail="reject")


class OwnDomainTests(PolicyCase):
    """Strangers who use a domain of this host."""

    own = ("far.org",)
    published = (SPF_FAIL, key_of("far.org"))

    def test_refused_where_dns_shows_spf_and_our_key(self) -> None:
        verdict = self.decided(Decision.REJECT, TEXT, *self.published)
        self.assertIn("550 5.7.26 far.org is a domain of this host", str(verdict.status))

    def test_in_the_reverse_path_too(self) -> None:
        text = TEXT.replace(b"far.org", b"near.org")
        self.decided(Decision.REJECT, text, *self.published)
        self.decided(Decision.PASS, text, *self.published, sender="sue@near.org")

    def test_only_tagged_until_then(self) -> None:
        other = {("TXT", "s._domainkey.far.org"): [b"v=DKIM1; k=ed25519; p=" + b"A" * 43 + b"="]}
        for records in ((), (SPF_FAIL,), (key_of("far.org"),), (SPF_FAIL, other)):
            verdict = self.decided(Decision.PASS, TEXT, *records)
            assert verdict.facts is not None
            self.assertIn("own_domain:fail", verdict.facts.tags)

    def test_not_where_dns_fails(self) -> None:
        failing = {("TXT", "s._domainkey.far.org"): Found.FAILED}
        self.decided(Decision.PASS, TEXT, SPF_FAIL, failing)
        self.decided(Decision.PASS, TEXT, {("TXT", "far.org"): Found.FAILED}, key_of("far.org"))

    def test_not_with_a_pass(self) -> None:
        verdict = self.decided(Decision.PASS, signed(TEXT), *self.published)
        assert verdict.facts is not None
        self.assertNotIn("own_domain:fail", verdict.facts.tags)
        self.decided(Decision.PASS, TEXT, SPF_PASS, key_of("far.org"))

    def test_by_the_settings(self) -> None:
        self.decided(Decision.REJECT, TEXT, own_domains="always")
        self.decided(Decision.PASS, TEXT, *self.published, own_domains="never")


class TrustedListTests(PolicyCase):
    """A List-Id counts with a pass for a domain that it is below."""

    spf = {("TXT", "lists.org"): [b"v=spf1 ip4:192.0.2.7 -all"]}

    def test_a_list_that_is_trusted(self) -> None:
        verdict = self.decided(
            Decision.PASS,
            LIST,
            REJECT,
            self.spf,
            sender="x@lists.org",
            trusted_lists=["friends.lists.org"],
        )
        self.assertEqual(self.override(verdict), "trusted_forwarder")

    def test_not_without_a_pass(self) -> None:
        trusted = ["friends.lists.org"]
        self.decided(Decision.JUNK, LIST, REJECT, SPF_FAIL, trusted_lists=trusted)

    def test_no_other_list(self) -> None:
        trusted = ["enemies.lists.org"]
        records = (REJECT, self.spf)
        self.decided(Decision.JUNK, LIST, *records, sender="x@lists.org", trusted_lists=trusted)
