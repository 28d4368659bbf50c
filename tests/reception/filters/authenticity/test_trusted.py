"""Chains of ARC, sealed by dkimpy: trusted sealers, and all others."""

from __future__ import annotations

from typing import Any

import dkim

from mailhost.interfaces.verdict import Decision, Verdict
from mailhost.reception.filters.authenticity.trusted import says_dmarc_passed
from tests.dkim.messages import KEYS, RSA
from tests.reception.filters.authenticity.case import REJECT, SPF_FAIL, TEXT, ExaminedCase

KEY = next(record for (_, name), [record] in KEYS.items() if name.startswith("r."))
DNS = {
    **REJECT,
    **SPF_FAIL,
    ("TXT", "r._domainkey.good.org"): [KEY],
    ("TXT", "r._domainkey.bad.org"): [KEY],
}
PASSED = "dmarc=pass header.from=far.org"


def sealed(text: bytes, domain: str, results: str) -> bytes:
    """The message with one more set by a domain, with these results."""
    arc = "; arc=pass" if b"ARC-Seal" in text else ""
    field = f"Authentication-Results: mx.{domain}; {results}{arc}\r\n".encode()
    host, signer = f"mx.{domain}".encode(), domain.encode()
    return b"".join(dkim.arc_sign(field + text, b"r", signer, RSA.pem(), host)) + text


class TrustedSealerTests(ExaminedCase):
    def decided(self, wanted: Decision, text: bytes, **settings: Any) -> Verdict:
        """Check the decision where good.org is trusted."""
        settings.setdefault("trusted_sealers", ["good.org"])
        verdict = self.look(text, DNS, **settings)
        self.assertIs(verdict.decision, wanted, verdict)
        return verdict

    def test_a_trusted_sealer_that_saw_a_pass(self) -> None:
        verdict = self.decided(Decision.PASS, sealed(TEXT, "good.org", PASSED))
        self.assertIn(b'arc=pass reason="sealed by good.org"', self.header(verdict))
        assert verdict.facts is not None and verdict.facts.mail.authentication is not None
        found = verdict.facts.mail.authentication
        self.assertEqual((found.override, found.sealers), ("trusted_forwarder", ("good.org",)))

    def test_others(self) -> None:
        for domain, results in (
            ("bad.org", PASSED),
            ("good.org", "dmarc=fail header.from=far.org"),
            ("good.org", "dmarc=pass header.from=other.org"),
            ("good.org", "spf=pass smtp.mailfrom=far.org"),
        ):
            self.decided(Decision.JUNK, sealed(TEXT, domain, results))
        self.decided(Decision.JUNK, sealed(TEXT, "good.org", PASSED), trusted_sealers=[])

    def test_a_message_that_changed_after_the_seal(self) -> None:
        self.decided(Decision.JUNK, sealed(TEXT, "good.org", PASSED) + b"more\r\n")

    def test_later_sealers_must_be_trusted_too(self) -> None:
        twice = sealed(
            sealed(TEXT, "good.org", PASSED), "bad.org", "dmarc=fail header.from=far.org"
        )
        self.decided(Decision.JUNK, twice)
        self.decided(Decision.PASS, twice, trusted_sealers=["good.org", "bad.org"])

    def test_the_results_of_a_sealer_are_read_with_care(self) -> None:
        for text, wanted in (
            ("mx.good.org; spf=pass; dmarc=pass (p=none) header.from=far.org", True),
            ('mx.good.org; DMARC = pass header.from="far.org"', True),
            ("mx.good.org; dmarc=pass", True),
            ("mx.good.org; (dmarc=pass) dmarc=fail", False),
            ("mx.good.org; dmarc=passed header.from=far.org", False),
            ("mx.good.org; x-dmarc=pass", False),
            ('mx.good.org; spf=fail smtp.helo="x; dmarc=pass"; dmarc=fail', False),
            ("mx.good.org; spf=fail (a (b) ; dmarc=pass); dmarc=fail", False),
            ('mx.good.org; spf=fail (a "; dmarc=pass; b', False),
        ):
            self.assertEqual(says_dmarc_passed(text, "far.org"), wanted, text)
        self.assertFalse(says_dmarc_passed("mx; dmarc=pass", ""))
