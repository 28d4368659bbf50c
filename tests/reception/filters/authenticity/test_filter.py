"""The filter: whom it examines, and the results that it leaves."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import Any, cast

from twisted.internet.defer import Deferred

from mailhost.arc.verify import ARCStatus
from mailhost.config.filters.authenticity import TAGS
from mailhost.dkim.verify import DKIMStatus
from mailhost.dmarc.evaluate import DMARCStatus
from mailhost.interfaces.authentication import Disposition
from mailhost.interfaces.dns import Found
from mailhost.interfaces.events import Authenticated
from mailhost.interfaces.verdict import PASS, Decision, Mail, Verdict
from mailhost.message.address import parse_address
from mailhost.message.authentication_results import NAME
from mailhost.message.content import ContentWriter
from mailhost.message.header import values
from mailhost.reception.filters.authenticity.iprev import IPRevStatus
from mailhost.spf.check import SPFStatus
from tests.lookups import RecordsLookUp, SilentLookUp
from tests.reception.filters.authenticity.case import (
    HOST,
    IP,
    QUARANTINE,
    REJECT,
    SPF_FAIL,
    SPF_PASS,
    TEXT,
    ExaminedCase,
    key_of,
    signed,
)
from tests.reception.filters.mails import message


class ExaminedTests(ExaminedCase):
    """Which mail is examined."""

    def passes(self, mail: Mail, **settings: Any) -> None:
        self.assertIs(self.filter(**settings).look(mail), PASS)

    def test_not_that_of_clients_that_are_trusted(self) -> None:
        mail = message(TEXT)
        logged_in = replace(mail.client, account=parse_address("ann@a.net"))
        for client in (
            logged_in,
            replace(mail.client, protocol="lmtp"),
            replace(mail.client, ip=""),
        ):
            self.passes(replace(mail, client=client))
        self.passes(mail, trusted_networks=[ip_network("192.0.2.0/24")])

    def test_not_twice(self) -> None:
        facts = self.look().facts
        assert facts is not None
        self.passes(facts.mail)

    def test_that_of_strangers(self) -> None:
        self.assertIsNot(self.look(), PASS)


class ResultsTests(ExaminedCase):
    """The field, the value, the tags and the event."""

    def test_one_field_in_our_name_on_top(self) -> None:
        records = {
            **REJECT,
            **SPF_PASS,
            **key_of("far.org"),
            ("PTR", "7.2.0.192.in-addr.arpa"): ["out.far.org"],
            ("A", "out.far.org"): [IP],
        }
        verdict = self.look(signed(TEXT), records)
        self.assertIs(verdict.decision, Decision.PASS)
        assert verdict.facts is not None
        header = verdict.facts.mail.content.header()
        self.assertTrue(header.startswith(b"Authentication-Results: mx.a.net;"), header)
        (value,) = values(header, NAME)
        parts = [" ".join(part.split()) for part in value.split(";")]
        self.assertEqual(
            [parts[0], parts[1], parts[2], parts[4]],
            [
                HOST,
                "spf=pass smtp.mailfrom=sue@far.org",
                'spf=none reason="there is no SPF record" smtp.helo=far.example',
                "dmarc=pass header.from=far.org policy.dmarc=reject "
                "policy.applied-disposition=none policy.evaluated-disposition=none",
            ],
        )
        self.assertTrue(parts[3].startswith("dkim=pass header.d=far.org"), parts[3])
        self.assertEqual(
            parts[5:], ["arc=none", "iprev=pass policy.iprev=192.0.2.7 policy.name=out.far.org"]
        )

    def test_tags_and_the_aligned_domain(self) -> None:
        facts = self.look(signed(TEXT), {**REJECT, **SPF_FAIL, **key_of("far.org")}).facts
        assert facts is not None and facts.mail.authentication is not None
        tags = {"spf:fail", "helo:none", "dkim:pass", "dmarc:pass", "arc:none", "iprev:permerror"}
        self.assertEqual(facts.tags, tags)
        self.assertEqual(facts.mail.authentication.aligned_domain, "far.org")
        self.assertEqual(facts.mail.authentication.dkim_aligned, ("far.org",))

    def test_all_tags_are_known_to_the_check_of_settings(self) -> None:
        known = set[str]()
        for method, statuses in (
            ("spf", SPFStatus),
            ("helo", SPFStatus),
            ("dkim", DKIMStatus),
            ("dmarc", DMARCStatus),
            ("arc", ARCStatus),
            ("iprev", IPRevStatus),
        ):
            known |= {f"{method}:{each.value}" for each in statuses}
        self.assertEqual(TAGS, known | {"dkim:none", "own_domain:fail"})

    def test_an_event(self) -> None:
        self.look(records={**REJECT, **SPF_FAIL})
        (event,) = [each for each in self.events.told if isinstance(each, Authenticated)]
        self.assertIn("m1 from [192.0.2.7]:4711: spf=fail (mfrom far.org)", event.line)
        self.assertIn("dkim=none, dmarc=fail (far.org), arc=none", event.line)
        self.assertEqual(event.key.result, "dmarc fail")
        published = event.authentication.published
        assert published is not None
        self.assertEqual((published.domain, published.policy), ("far.org", "reject"))

    def test_the_null_reverse_path(self) -> None:
        mail = message(TEXT)
        mail = mail.within(replace(mail.envelope, reverse_path=None))
        self.assertIn(b"smtp.mailfrom=postmaster@far.example", self.header(self.verdict(mail)))

    def test_observed_results_are_the_same_and_say_what_is_done(self) -> None:
        self.dns = RecordsLookUp({**REJECT, **SPF_FAIL})
        verdict = self.verdict(message(TEXT, sender="sue@far.org"), observed=True)
        self.assertIs(verdict.decision, Decision.REJECT)
        text = b"policy.applied-disposition=none policy.evaluated-disposition=reject"
        self.assertIn(text, self.header(verdict))
        assert verdict.facts is not None and verdict.facts.mail.authentication is not None
        self.assertIs(verdict.facts.mail.authentication.applied, Disposition.NONE)

    def test_junk_is_marked(self) -> None:
        verdict = self.look(records={**QUARANTINE, **SPF_FAIL})
        self.assertIs(verdict.decision, Decision.JUNK)
        self.assertIn(b"policy.applied-disposition=quarantine", self.header(verdict))
        assert verdict.facts is not None
        self.assertIn("junk", verdict.facts.tags)


class LargeTests(ExaminedCase):
    """Large messages: their bodies are hashed in a thread, and may be in a file."""

    def test_a_message_in_a_file(self) -> None:
        text = signed(TEXT + b"x" * 70 + b"\r\n" * 50_000 + b"end\r\n")
        writer = ContentWriter(self.mktemp(), 1000)
        writer.write(text)
        mail = message(b"", sender="sue@far.org").containing(writer.finish())
        self.assertFalse(mail.content.in_memory)
        self.dns = RecordsLookUp({**REJECT, **key_of("far.org")})
        verdict = self.verdict(mail)
        self.assertIn(b"dkim=pass header.d=far.org", self.header(verdict))
        assert verdict.facts is not None
        self.assertTrue(verdict.facts.mail.content.read().endswith(text))

    def test_the_work_is_done_in_threads(self) -> None:
        self.dns = RecordsLookUp({**REJECT, **key_of("far.org")})
        for text, wanted in (
            (signed(TEXT), 0),
            (signed(TEXT + b"x\r\n" * 30_000), 1),
            (signed(b"X-Y: " + b"y" * 20_000 + b"\r\n" + TEXT), 4),
        ):
            self.hops = 0
            self.verdict(message(text, sender="sue@far.org"))
            self.assertGreaterEqual(self.hops, wanted)
            self.assertEqual(bool(self.hops), bool(wanted))


class BoundedTests(ExaminedCase):
    """DNS that is slow or fails, and names about which it is not asked."""

    def test_nothing_is_asked_about_reserved_names(self) -> None:
        dns = self.dns = RecordsLookUp({})
        mail = message(TEXT.replace(b"far.org", b"far.example"), sender="sue@far.example")
        self.verdict(mail)
        names = {name for _, name in dns.asked}
        self.assertEqual(names, {"7.2.0.192.in-addr.arpa"})

    def test_a_failure_of_dns_is_never_a_refusal(self) -> None:
        failing = {
            ("TXT", "far.org"): Found.FAILED,
            ("TXT", "_dmarc.far.org"): [b"v=DMARC1; p=reject"],
        }
        verdict = self.look(records=failing, reject="always", spf_fail="reject")
        self.assertIs(verdict.decision, Decision.PASS)
        self.assertIn(b"dmarc=temperror", self.header(verdict))
        verdict = self.look(records={("TXT", "_dmarc.far.org"): Found.FAILED}, reject="always")
        self.assertIs(verdict.decision, Decision.PASS)

    def test_servers_that_are_silent_cost_at_most_the_time_limit(self) -> None:
        self.dns = SilentLookUp()
        answer = self.filter(time_limit="5 seconds").look(
            message(signed(TEXT), sender="sue@far.org")
        )
        answering: Deferred[Verdict] = Deferred.fromCoroutine(cast(Any, answer))
        self.clock.advance(1.6)
        self.assertNoResult(answering)
        self.clock.pump([0.1] * 35)
        verdict = self.successResultOf(answering)
        self.assertIs(verdict.decision, Decision.PASS)
        header = self.header(verdict)
        for method in (b"spf", b"dkim", b"dmarc", b"iprev"):
            self.assertIn(method + b"=temperror", header)

    def test_each_question_is_asked_once(self) -> None:
        dns = self.dns = RecordsLookUp({**REJECT, **SPF_FAIL})
        self.verdict(message(TEXT, sender="sue@far.org"))
        self.assertEqual(dns.asked.count(("TXT", "_dmarc.far.org")), 1)
