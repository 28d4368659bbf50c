"""The list of `mailhost certificates`, mailed warnings, and answers of tls-alpn-01."""

from __future__ import annotations

import hashlib
import json

from acme.challenges import Challenge
from cryptography import x509
from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from mailhost.certificates.answers import ChallengeAnswers
from mailhost.certificates.expiry import ExpiryWarning
from mailhost.certificates.listing import Entry, entries
from mailhost.certificates.mail import compose
from mailhost.certificates.tls_alpn import ACME_IDENTIFIER, TLSALPN01, answer
from mailhost.certificates.values import AccountWanted
from mailhost.interfaces.challenges import IHTTPChallenges, ITLSChallenges
from tests.certificates.rig import DAY, OTHER, OURS, START, KeeperCase
from tests.certificates.scripted import DIRECTORY, problem
from tests.fakes import address, now


class ListingTests(KeeperCase):
    def listed(self) -> dict[str, Entry]:
        plan, stored = now(self.keeper.plan()), now(self.keeper.stored())
        found = entries(plan, stored, now(self.memory.state()))
        json.dumps(found)
        return {each["name"]: each for each in found}

    def test_before_and_after_the_first_order(self) -> None:
        self.resolver.found["autoconfig.a.example"] = [OTHER]
        self.resolver.found["mta-sts.a.example"] = [OURS]
        found = self.listed()
        self.assertEqual({"mx.a.example", "a.example"}, {*found})
        self.assertEqual([], found["mx.a.example"]["names"])
        self.assertEqual({"mx.a.example": ""}, found["mx.a.example"]["missing"])
        self.ca.failing["mta-sts.a.example"] = problem("dns", "SERVFAIL").body
        self.start()
        found = self.listed()
        domain = found["a.example"]
        self.assertEqual(["mail.a.example"], domain["names"])
        self.assertEqual("Scripted CA", domain["issuer"])
        self.assertEqual(self.ca.directory, domain["directory"])
        self.assertEqual(f"it leads to {OTHER}", domain["missing"]["autoconfig.a.example"])
        [failure] = domain["failures"]
        self.assertEqual("mta-sts.a.example", failure["name"])
        self.assertIn("SERVFAIL (dns)", failure["text"])
        assert domain["renew"] is not None and domain["expires"] is not None
        self.assertTrue(56 < (domain["renew"] - START) / DAY < 64)
        self.assertTrue(89 < (domain["expires"] - START) / DAY < 91)

    def test_without_agreement_what_is_there_is_listed(self) -> None:
        self.start()
        self.setup = None
        self.assertEqual({"mx.a.example", "a.example"}, {*self.listed()})

    def test_a_failure_is_listed_once(self) -> None:
        self.ca.failing["mail.a.example"] = problem("dns", "SERVFAIL").body
        self.start()
        [failure] = self.listed()["a.example"]["failures"]
        self.assertEqual("mail.a.example", failure["name"])

    def test_the_certificate_of_a_removed_domain_is_not_renewed(self) -> None:
        self.start()
        self.change(domains=())
        self.wait(30, 1.0)
        found = self.listed()
        self.assertIsNone(found["a.example"]["renew"])
        self.assertIsNotNone(found["mx.a.example"]["renew"])

    def test_a_failure_of_the_whole_order(self) -> None:
        self.ca.unreachable = True
        self.start()
        [failure] = self.listed()["a.example"]["failures"]
        self.assertIn("connection refused", failure["text"])

    def test_a_failure_at_another_directory(self) -> None:
        self.start()
        self.trial_ca.unreachable = True
        self.change(account=AccountWanted(self.trial_ca.directory))
        self.wait(30, 1.0)
        entry = self.listed()["a.example"]
        [failure] = entry["failures"]
        self.assertEqual(DIRECTORY, entry["directory"])
        self.assertIn("connection refused", failure["text"])


class MailTests(KeeperCase):
    def test_a_warning(self) -> None:
        text = "the certificate of a.example expires within 3 days, failed: \x1b[31mbad\r\nBcc: x"
        warning = ExpiryWarning("a.example", "the certificate of a.example expires", text)
        message = compose(warning, address("ann@a.example"), "mx.a.example")
        octets = b"".join(message.content.chunks())
        header, _, body = octets.partition(b"\r\n\r\n")
        self.assertIn(b"Subject: mx.a.example: the certificate of a.example expires", header)
        self.assertIn(b"Auto-Submitted: auto-generated", header)
        self.assertIn(b"mailhost certificates renew a.example", body.replace(b"=\r\n", b""))
        self.assertNotIn(b"\x1b", octets)
        self.assertIsNone(message.envelope.reverse_path)


class AnswerTests(KeeperCase):
    def test_the_table(self) -> None:
        answers = ChallengeAnswers()
        verifyObject(IHTTPChallenges, answers)
        verifyObject(ITLSChallenges, answers)
        answers.put_http("token", b"token.print")
        answers.put_tls("Mail.A.example", b"chain", b"key")
        self.assertEqual(b"token.print", answers.key_authorization("token"))
        self.assertEqual((b"chain", b"key"), answers.certificate_for("mail.a.example"))
        answers.remove_http("token")
        answers.remove_tls("mail.a.example")
        self.assertIsNone(answers.key_authorization("token"))
        self.assertIsNone(answers.certificate_for("mail.a.example"))

    def test_the_certificate_of_tls_alpn_01(self) -> None:
        """RFC 8737 §3."""
        chain, _ = answer("mail.a.example", "token.print")
        certificate = x509.load_pem_x509_certificate(chain)
        found = certificate.extensions.get_extension_for_oid(ACME_IDENTIFIER)
        digest = hashlib.sha256(b"token.print").digest()
        self.assertEqual((True, b"\x04\x20" + digest), (found.critical, found.value.public_bytes()))
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        self.assertEqual(["mail.a.example"], names.value.get_values_for_type(x509.DNSName))

    def test_the_library_knows_the_challenge(self) -> None:
        fields = {"type": "tls-alpn-01", "token": "A" * 43, "url": "https://ca.example/1"}
        self.assertIsInstance(Challenge.from_json(fields), TLSALPN01)


class TimeoutTests(KeeperCase):
    def test_an_authority_that_does_not_answer(self) -> None:
        from mailhost.certificates.polling import bounded_call
        from mailhost.certificates.values import AuthorityError

        calling = bounded_call(self.clock, lambda work: Deferred(), lambda: None)
        self.clock.advance(121)
        failed = self.failureResultOf(calling, AuthorityError)
        self.assertIn("has not answered within 120 s", failed.getErrorMessage())
