"""Policies of another domain over real TLS: the decision, the log line, and the bounce's text."""

from __future__ import annotations

from collections.abc import Sequence

from mailhost.interfaces.dns import TLSARecord
from mailhost.interfaces.tls_sessions import PolicyType, TLSFailure, TLSSession
from mailhost.message.outcome import Fate, Outcome
from mailhost.queue.bounce_text import explain
from tests.authority import Authority
from tests.dane.chains import chain_of, record_of
from tests.relay.tls.wire import DOMAIN, MX1, MX2, WireCase

STS = ("mode: enforce", f"mx: *.{DOMAIN}", "max_age: 86400")
BY_STS = f"the MTA-STS policy of {DOMAIN} (mode enforce)"
BY_DANE = f"the TLSA records of {MX1} (DANE)"


class PolicyCase(WireCase):
    def assert_refused_then_taken(self, kind: TLSFailure, decided: str, reason: str) -> None:
        """The first host got nothing, and the second one the message."""
        first, second = self.sessions[-2:]
        self.assertEqual((MX1, kind, False), (first.mx, first.failure, first.delivered))
        self.assert_line(first, decided, reason)
        self.assertEqual((MX2, None, True), (second.mx, second.failure, second.delivered))
        self.assertEqual(([], 1), (self.one.mail, len(self.two.mail)))

    def assert_line(self, session: TLSSession, decided: str, reason: str) -> None:
        self.assertIn("no mail is sent", session.line)
        self.assertIn(f"decided by {decided}: ", session.line)
        self.assertIn(reason, session.line)
        self.assertTrue(session.serious)

    def assert_waits(self, outcome: Outcome, decided: str, reason: str) -> None:
        """The message waits, and a report says which policy is the reason, and what to do."""
        status = outcome.status
        self.assertEqual(
            (Fate.DEFERRED, 451, "4.7.5"), (outcome.fate, status.code, status.enhanced)
        )
        report = self.report(outcome)
        for text in (decided, reason, f"the administrators of {DOMAIN} can correct this"):
            self.assertIn(text, report)

    def report(self, outcome: Outcome) -> str:
        """The text of a bounce."""
        return " ".join(explain([outcome], "us.example.org", 0.0, None).split())

    async def assert_same_at_all(self, decided: str, reason: str) -> None:
        """With the second host like the first one, the next message waits."""
        self.two.pem, self.two.starttls = self.one.pem, self.one.starttls
        before = len(self.sessions)
        self.start()
        outcome = await self.send()
        self.assertEqual(([], 1), (self.one.mail, len(self.two.mail)))
        self.assert_line(self.sessions[before], decided, reason)
        self.assert_waits(outcome, decided, reason)

    async def assert_both_refused(
        self, kind: TLSFailure, decided: str, reason: str, mx: Sequence[str] = (MX1, MX2)
    ) -> None:
        """No host has the TLS that is required, and the message waits."""
        outcome = await self.send()
        self.assertEqual([], [*self.one.mail, *self.two.mail])
        self.assertEqual(list(mx), [each.mx for each in self.sessions if each.failure])
        self.assertEqual({kind}, {each.failure for each in self.sessions})
        self.assert_line(self.sessions[0], decided, reason)
        self.assert_waits(outcome, decided, reason)


class STSEnforced(PolicyCase):
    async def test_a_right_certificate(self) -> None:
        await self.publish_sts(*STS)
        self.assertEqual(Fate.RELAYED, (await self.send()).fate)
        (session,) = self.sessions
        self.assertEqual((PolicyType.STS, None), (session.policy.kind, session.failure))
        assert session.tls is not None
        self.assertEqual("TLSv1.3", session.tls.version)
        self.assertIn(f"decided by {BY_STS}", session.line)
        self.assertEqual([True], self.one.secure)

    async def test_a_wrong_name(self) -> None:
        self.one.pem = self.authority.issue("elsewhere.example.org")
        await self.publish_sts(*STS)
        self.assertEqual(Fate.RELAYED, (await self.send()).fate)
        text = f"the certificate is not for {MX1}"
        self.assert_refused_then_taken(TLSFailure.HOST_MISMATCH, BY_STS, text)
        await self.assert_same_at_all(BY_STS, text)

    async def test_expired_at_all_hosts(self) -> None:
        self.one.pem = self.two.pem = self.authority.issue(MX1, MX2, begins=-9, ends=-1)
        await self.publish_sts(*STS)
        text = "the certificate has expired"
        await self.assert_both_refused(TLSFailure.EXPIRED, BY_STS, text)

    async def test_an_unknown_authority(self) -> None:
        self.one.pem = self.two.pem = Authority.new("Stranger").issue(MX1, MX2)
        await self.publish_sts(*STS)
        text = "the certificate comes from an unknown authority"
        await self.assert_both_refused(TLSFailure.NOT_TRUSTED, BY_STS, text)

    async def test_a_host_that_the_policy_does_not_name(self) -> None:
        await self.publish_sts("mode: enforce", f"mx: {MX2}", "max_age: 86400")
        self.assertEqual(Fate.RELAYED, (await self.send()).fate)
        text = f"the policy does not name the MX host {MX1}"
        self.assert_refused_then_taken(TLSFailure.OTHER, BY_STS, text)
        self.assertEqual(0, self.one.connections)
        await self.policy_listener.stopListening()
        self.forget()
        await self.publish_sts("mode: enforce", "mx: elsewhere.example.org", "max_age: 86400")
        await self.assert_same_at_all(BY_STS, text)
        self.assertEqual((0, 1), (self.one.connections, self.two.connections))

    async def test_starttls_is_stripped(self) -> None:
        self.one.starttls = self.two.starttls = ""
        await self.publish_sts(*STS)
        text = "it does not offer STARTTLS"
        await self.assert_both_refused(TLSFailure.STARTTLS_NOT_SUPPORTED, BY_STS, text)

    async def test_starttls_is_refused(self) -> None:
        self.one.starttls = self.two.starttls = "454 4.7.0 not now"
        await self.publish_sts(*STS)
        outcome = await self.send()
        self.assertEqual(([], []), (self.one.mail, self.two.mail))
        text = "it offers STARTTLS and refuses it"
        self.assert_line(self.sessions[0], BY_STS, text)
        self.assertEqual("454 4.7.0 not now", str(outcome.status.answer))
        report = self.report(outcome)
        for text in (BY_STS, "454 4.7.0 not now"):
            self.assertIn(text, report)

    async def test_the_handshake_is_cut_off(self) -> None:
        self.one.broken = self.two.broken = True
        await self.publish_sts(*STS)
        await self.assert_both_refused(TLSFailure.OTHER, BY_STS, "handshake failed")
        self.assertEqual((1, 1), (self.one.connections, self.two.connections))

    async def test_a_policy_that_changes(self) -> None:
        """A connection that is open does not carry mail under the new policy."""
        self.one.pem = self.two.pem = Authority.new("Stranger").issue(MX1, MX2)
        await self.publish_sts("mode: testing", f"mx: *.{DOMAIN}", "max_age: 86400")
        self.assertEqual(Fate.RELAYED, (await self.send()).fate)
        await self.policy_listener.stopListening()
        relay = self.relay
        self.forget()
        await self.publish_sts(*STS, identity="two")
        relay._finder._sts = self.sts
        self.relay = relay
        outcome = await self.send()
        self.assert_waits(outcome, BY_STS, "unknown authority")
        self.assert_line(self.sessions[-1], BY_STS, "unknown authority")
        self.assertEqual(1, len(self.one.mail))

    async def test_a_policy_host_that_is_down(self) -> None:
        """A policy that is known stays in force, over a restart too; without one mail goes on."""
        self.one.starttls = self.two.starttls = ""
        await self.publish_sts(*STS)
        await self.send()
        await self.policy_listener.stopListening()
        self.dns.records[f"_mta-sts.{DOMAIN}"] = [["TXT", "v=STSv1; id=two"]]
        self.start()
        self.assert_waits(await self.send(), BY_STS, "it does not offer STARTTLS")
        self.assert_line(self.sessions[-1], BY_STS, "it does not offer STARTTLS")
        self.forget()
        self.start()
        self.assertEqual(Fate.RELAYED, (await self.send()).fate)
        failed = [each for each in self.sessions if each.failure is TLSFailure.STS_FETCH]
        self.assertIn("refused", failed[-1].line)
        self.assertTrue(failed[-1].delivered)


class STSTested(PolicyCase):
    async def test_failures_are_reported_and_mail_goes_on(self) -> None:
        lines = ("mode: testing", f"mx: {MX1}", "max_age: 86400")
        for pem, starttls, kind in (
            (self.authority.issue("elsewhere.example.org"), "220 go", TLSFailure.HOST_MISMATCH),
            (self.authority.issue(MX1, begins=-9, ends=-1), "220 go", TLSFailure.EXPIRED),
            (Authority.new("Stranger").issue(MX1), "220 go", TLSFailure.NOT_TRUSTED),
            (self.one.pem, "", TLSFailure.STARTTLS_NOT_SUPPORTED),
            (self.authority.issue(MX1), "220 go", None),
        ):
            self.one.pem, self.one.starttls = pem, starttls
            await self.publish_sts(*lines)
            self.assertEqual(Fate.RELAYED, (await self.send()).fate)
            session = self.sessions[-1]
            self.assertEqual((MX1, kind, True), (session.mx, session.failure, session.delivered))
            self.assertIn(f"the MTA-STS policy of {DOMAIN} (mode testing)", session.line)
            await self.policy_listener.stopListening()

    async def test_a_host_that_the_policy_does_not_name(self) -> None:
        await self.publish_sts("mode: testing", f"mx: {MX2}", "max_age: 86400")
        self.assertEqual(Fate.RELAYED, (await self.send()).fate)
        self.assertEqual(TLSFailure.OTHER, self.sessions[-1].failure)
        self.assertIn("does not name the MX host", self.sessions[-1].line)
        self.assertEqual([True], self.one.secure)

    async def test_mode_none(self) -> None:
        self.one.starttls = ""
        await self.publish_sts("mode: none", "max_age: 86400")
        self.assertEqual(Fate.RELAYED, (await self.send()).fate)
        self.assertEqual([], self.sessions)


class DANE(PolicyCase):
    def record(self, usage: int, selector: int = 1, matching: int = 1) -> TLSARecord:
        """The record about the first host's certificate, or about its authority."""
        chain = chain_of(self.one.pem, self.authority.certificate)
        return record_of(chain[0 if usage == 3 else -1], usage, selector, matching)

    async def test_3_1_1_accepts_any_name_and_date(self) -> None:
        stranger = Authority.new("Stranger")
        self.one.pem = stranger.issue("elsewhere.example.org", begins=-9, ends=-1)
        self.publish_tlsa(MX1, self.record(3))
        self.assertEqual(Fate.RELAYED, (await self.send()).fate)
        (session,) = self.sessions
        self.assertEqual((PolicyType.TLSA, None), (session.policy.kind, session.failure))
        self.assertTrue(session.policy.lines[0].startswith("3 1 1 "))
        self.assertIn(f"decided by {BY_DANE}", session.line)

    async def test_3_1_1_of_another_key(self) -> None:
        other = record_of(chain_of(self.two.pem)[0], 3, 1, 1)
        self.publish_tlsa(MX1, other)
        self.assertEqual(Fate.RELAYED, (await self.send()).fate)
        text = "no TLSA record is about the certificate"
        self.assert_refused_then_taken(TLSFailure.TLSA_INVALID, BY_DANE, text)
        self.publish_tlsa(MX2, other)
        await self.assert_same_at_all(BY_DANE, text)

    async def test_roll_over(self) -> None:
        other = self.authority.issue(MX1)
        self.publish_tlsa(MX1, self.record(3), record_of(chain_of(other)[0], 3, 1, 1))
        for pem in (self.one.pem, other):
            self.one.pem = pem
            self.start()
            self.assertEqual(Fate.RELAYED, (await self.send()).fate)
        self.assertEqual(2, len(self.one.mail))

    async def test_2_x_x(self) -> None:
        middle = self.authority.below()
        self.one.pem = middle.issue(MX1)
        for selector, matching in ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)):
            record = record_of(chain_of(self.one.pem)[1], 2, selector, matching)
            self.publish_tlsa(MX1, record)
            self.assertEqual(Fate.RELAYED, (await self.send()).fate)
        self.assertEqual({None}, {each.failure for each in self.sessions})
        self.assertEqual(6, len(self.one.mail))

    async def test_2_1_1_needs_the_name_and_the_date(self) -> None:
        middle = self.authority.below()
        self.one.pem = middle.issue("elsewhere.example.org")
        record = record_of(chain_of(self.one.pem)[1], 2, 1, 1)
        self.publish_tlsa(MX1, record)
        self.assertEqual(Fate.RELAYED, (await self.send()).fate)
        text = f"the certificate is not for {MX1} or {DOMAIN}"
        self.assert_refused_then_taken(TLSFailure.HOST_MISMATCH, BY_DANE, text)
        self.publish_tlsa(MX2, record)
        await self.assert_same_at_all(BY_DANE, text)
        self.one.pem = middle.issue(MX1, begins=-9, ends=-1)
        await self.assert_same_at_all(BY_DANE, "certificate has expired")
        self.assertIn(TLSFailure.EXPIRED, [each.failure for each in self.sessions])

    async def test_a_bogus_answer(self) -> None:
        self.dns.records[f"_{self.port}._tcp.{MX1}"] = [["SERVFAIL"]]
        self.assertEqual(Fate.RELAYED, (await self.send()).fate)
        text = f"DNS gives no answer about _{self.port}._tcp.{MX1}"
        self.assert_refused_then_taken(TLSFailure.DNSSEC_INVALID, BY_DANE, text)
        self.assertEqual(0, self.one.connections)

    async def test_a_bogus_answer_about_all_hosts(self) -> None:
        for host in (MX1, MX2):
            self.dns.records[f"_{self.port}._tcp.{host}"] = [["SERVFAIL"]]
        await self.assert_both_refused(TLSFailure.DNSSEC_INVALID, BY_DANE, "DNS gives no answer")

    async def test_starttls_is_stripped_or_refused(self) -> None:
        self.publish_tlsa(MX1, self.record(3))
        for starttls, text in (("", "does not offer"), ("454 4.7.0 no", "refuses it")):
            self.one.starttls = starttls
            self.one.mail, self.two.mail = [], []
            self.start()
            self.assertEqual(Fate.RELAYED, (await self.send()).fate)
            kind = TLSFailure.STARTTLS_NOT_SUPPORTED
            self.assert_refused_then_taken(kind, BY_DANE, text)
        self.publish_tlsa(MX2, self.record(3))
        self.one.starttls, self.two.mail = "", self.two.mail[:1]
        await self.assert_same_at_all(BY_DANE, "it does not offer STARTTLS")

    async def test_records_that_cannot_be_used_demand_encryption(self) -> None:
        self.one.pem = Authority.new("Stranger").issue("elsewhere.example.org")
        self.publish_tlsa(MX1, self.record(1))
        self.assertEqual(Fate.RELAYED, (await self.send()).fate)
        self.assertEqual([True], self.one.secure)
        self.one.starttls = ""
        self.start()
        await self.send()
        self.assertEqual(([True], [True]), (self.one.secure, self.two.secure))
        self.assertIn("of which none can be used", self.sessions[1].line)

    async def test_it_comes_before_mta_sts(self) -> None:
        self.publish_tlsa(MX1, record_of(chain_of(self.two.pem)[0], 3, 1, 1))
        await self.publish_sts(*STS)
        self.assertEqual(Fate.RELAYED, (await self.send()).fate)
        text = "no TLSA record is about the certificate"
        self.assert_refused_then_taken(TLSFailure.TLSA_INVALID, BY_DANE, text)
        self.assertIn(BY_STS, self.sessions[-1].line)

    async def test_switched_off(self) -> None:
        self.publish_tlsa(MX1, record_of(chain_of(self.two.pem)[0], 3, 1, 1))
        self.start(dane=False)
        self.assertEqual(Fate.RELAYED, (await self.send()).fate)
        self.assertEqual("opportunistic TLS", self.sessions[-1].decided)


class WithoutAD(PolicyCase):
    """A resolver that does not validate: TLSA records do not count, and are not asked for."""

    validating = False

    async def test_tlsa_records_do_not_count(self) -> None:
        self.publish_tlsa(MX1, record_of(chain_of(self.two.pem)[0], 3, 1, 1))
        self.assertEqual(Fate.RELAYED, (await self.send()).fate)
        self.assertEqual("opportunistic TLS", self.sessions[-1].decided)
        self.assertNotIn("52", [kind for kind, _ in self.dns.asked])
        self.assertNotIn("TLSA", [kind for kind, _ in self.dns.asked])
