"""REQUIRETLS, TLS-Required: No and lost TLS over real TLS: the decision, the log line, and the
bounce's text."""

from __future__ import annotations

from mailhost.interfaces.events import Attempted
from mailhost.interfaces.tls_sessions import BY_SENDER, TLSFailure
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.tls_demand import TLSDemand
from mailhost.queue.bounce_text import explain
from mailhost.relay.tls.demands import REQUIRETLS
from tests.authority import Authority
from tests.dane.chains import chain_of, record_of
from tests.relay.tls.wire import DOMAIN, MX1, MX2, WireCase


class DemandCase(WireCase):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.one.requiretls = self.two.requiretls = True

    async def required(self) -> Outcome:
        """Send with REQUIRETLS."""
        return await self.send(TLSDemand.REQUIRED)

    def assert_sent(self, outcome: Outcome, first: int, second: int) -> None:
        """The hosts have so many messages, each with REQUIRETLS and over TLS."""
        self.assertEqual(Fate.RELAYED, outcome.fate, outcome.status)
        self.assertEqual((first, second), (len(self.one.mail), len(self.two.mail)))
        for mail in (*self.one.mail, *self.two.mail):
            self.assertTrue(mail.endswith("> REQUIRETLS"), mail)
        self.assertTrue(all((*self.one.secure, *self.two.secure)))

    def assert_bounced(self, outcome: Outcome, code: str, *texts: str) -> None:
        """No host has the message, and a report and the log say why: the log has the first text."""
        self.assertEqual(([], []), (self.one.mail, self.two.mail))
        self.assertEqual((Fate.FAILED, code), (outcome.fate, outcome.status.enhanced))
        self.assertIn(texts[0], Attempted("m", outcome).line)
        self.assert_reported(outcome, *texts)

    def assert_reported(self, outcome: Outcome, *texts: str) -> None:
        """A report to the sender has these texts."""
        report = " ".join(explain([outcome], "us.example.org", 0.0, None).split())
        for text in texts:
            self.assertIn(text, report)

    def assert_waits(self, outcome: Outcome, *texts: str) -> None:
        """No host has the message, and it is tried again."""
        self.assertEqual(([], []), (self.one.mail, self.two.mail))
        self.assertEqual((Fate.DEFERRED, "4.7.5"), (outcome.fate, outcome.status.enhanced))
        for text in texts:
            self.assertIn(text, Attempted("m", outcome).line)
        self.assert_reported(outcome, *texts)


class RequiredTests(DemandCase):
    async def test_a_right_certificate(self) -> None:
        self.assert_sent(await self.required(), 1, 0)
        (session,) = self.sessions
        self.assertIn(f"decided by {REQUIRETLS}", session.line)

    async def test_a_wrong_certificate_at_the_first_host(self) -> None:
        self.one.pem = self.authority.issue("elsewhere.example.org")
        self.assert_sent(await self.required(), 0, 1)
        self.assertEqual(TLSFailure.HOST_MISMATCH, self.sessions[0].failure)
        self.assertIn("no mail is sent", self.sessions[0].line)

    async def test_wrong_certificates_at_all_hosts(self) -> None:
        self.one.pem = self.two.pem = Authority.new("Stranger").issue(MX1, MX2)
        text = "the certificate comes from an unknown authority"
        self.assert_waits(await self.required(), REQUIRETLS, text)
        self.assertIn(f"decided by {REQUIRETLS}", self.sessions[0].line)
        self.assertIn(text, self.sessions[0].line)

    async def test_no_host_supports_it(self) -> None:
        self.one.requiretls = self.two.requiretls = False
        texts = ("550 5.7.30 REQUIRETLS support required", "The message was sent with REQUIRETLS")
        self.assert_bounced(await self.required(), "5.7.30", *texts)

    async def test_starttls_is_stripped(self) -> None:
        self.one.starttls = self.two.starttls = ""
        texts = (REQUIRETLS, "it does not offer STARTTLS", "must be sent over TLS")
        self.assert_bounced(await self.required(), "5.7.10", *texts)

    async def test_tlsa_records(self) -> None:
        self.one.pem = Authority.new("Stranger").issue("elsewhere.example.org")
        self.publish_tlsa(MX1, record_of(chain_of(self.one.pem)[0], 3, 1, 1))
        self.assert_sent(await self.required(), 1, 0)
        self.assertIn(f"and the TLSA records of {MX1} (DANE)", self.sessions[0].line)


class UnauthenticatedTests(DemandCase):
    validating = False

    async def test_hosts_that_nothing_names(self) -> None:
        text = "neither DNSSEC nor an MTA-STS policy names"
        self.assert_waits(await self.required(), REQUIRETLS, text)
        self.assertEqual((0, 0), (self.one.connections, self.two.connections))

    async def test_the_host_that_a_policy_names(self) -> None:
        await self.publish_sts("mode: testing", f"mx: {MX2}", "max_age: 86400")
        self.assert_sent(await self.required(), 0, 1)
        self.assertEqual(0, self.one.connections)


class OptionalTests(DemandCase):
    async def test_a_policy_does_not_keep_it_back(self) -> None:
        self.one.pem = Authority.new("Stranger").issue(MX1)
        await self.publish_sts("mode: enforce", f"mx: *.{DOMAIN}", "max_age: 86400")
        for starttls, secure in (("220 go", True), ("", False)):
            self.one.starttls = starttls
            self.start()
            outcome = await self.send(TLSDemand.OPTIONAL)
            self.assertEqual(Fate.RELAYED, outcome.fate)
            self.assertIs(secure, self.one.secure[-1])
            session = self.sessions[-1]
            self.assertTrue(session.failure is not None and session.delivered)
            self.assertIn(f"mail goes on, decided by {BY_SENDER}", session.line)
        self.assertEqual(2, len(self.one.mail))


class DowngradeTests(DemandCase):
    """The hosts had TLS, and an attacker strips STARTTLS."""

    async def downgraded(self, rule: str) -> Outcome:
        """Send while both hosts have TLS, then while they have none; return the second outcome."""
        self.start(memory=rule, mta_sts=False)
        for host in (MX1, MX2):
            self.relay._memory.saw(host, verified=False)
        self.one.starttls = self.two.starttls = ""
        return await self.send()

    async def test_enforced(self) -> None:
        outcome = await self.downgraded("enforce")
        self.assert_waits(outcome, "it does not offer STARTTLS, though it had TLS on", "forget-tls")
        self.assertEqual([False, False], [each.delivered for each in self.sessions])
        for session in self.sessions:
            self.assertIn("no mail is sent, decided by its TLS of ", session.line)

    async def test_warned_of(self) -> None:
        outcome = await self.downgraded("warn")
        self.assertEqual((Fate.RELAYED, [False]), (outcome.fate, self.one.secure))
        (session,) = self.sessions
        self.assertIn("mail goes on", session.line)
        self.assertIn("though it had TLS on", session.line)
        self.assertTrue(session.serious)
