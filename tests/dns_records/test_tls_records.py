"""The records about TLS and the web listener: planned, and compared with DNS."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

from hypothesis import given, strategies
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.dns_records.checking import check_plan
from mailhost.dns_records.checks.caa import may_issue
from mailhost.dns_records.facts import Authority, CertificateKey, HostCertificates, MailService
from mailhost.dns_records.finding import DNSFinding, DNSVerdict
from mailhost.dns_records.plan import make_plan
from mailhost.dns_records.record import Topic
from mailhost.dns_records.report import changes_text
from mailhost.dns_records.zone import nsupdate_text, zone_text
from mailhost.interfaces.dns import CAARecord, Found, MXRecord, TLSARecord
from mailhost.message.address import parse_address
from mailhost.mta_sts.own import own_id
from mailhost.mta_sts.policy import Mode, STSPolicy
from tests.dns_records.facts import HOST, OWN
from tests.dns_records.fake_dns import FakeServers
from tests.lookups import RecordsLookUp

ACCOUNT = "https://acme.example/acct/1"
NOW, NEXT = CertificateKey(b"now"), CertificateKey(b"next", coming=True)
TLS_HOST = replace(
    HOST,
    services=(MailService("_autodiscover._tcp", 443),),
    https=443,
    certificates=HostCertificates(
        (NOW, NEXT), Authority(("acme.example", "old.example"), (ACCOUNT,))
    ),
)
POLICY = STSPolicy(Mode.ENFORCE, 86400, ("mail.example.com",))
ID = own_id(POLICY)
TLS_OWN = replace(OWN, sts=POLICY, tls_reports=parse_address("tls@example.com"))
TOPICS = (
    Topic.SERVICE,
    Topic.WEB,
    Topic.MTA_STS,
    Topic.STS_HOSTS,
    Topic.TLS_RPT,
    Topic.TLSA,
    Topic.CAA,
)
STS, RPT = ("TXT", "_mta-sts.example.com"), ("TXT", "_smtp._tls.example.com")
TLSA, CAA = ("TLSA", "_25._tcp.mail.example.com"), ("CAA", "mail.example.com")
WEB = ("CNAME", "autoconfig.example.com")


def digest(key: CertificateKey) -> str:
    return hashlib.sha256(key.public).hexdigest()


def tlsa(key: CertificateKey) -> TLSARecord:
    return TLSARecord(3, 1, 1, bytes.fromhex(digest(key)))


RIGHT: dict[tuple[str, str], Any] = {
    ("A", "mail.example.com"): ["192.0.2.1"],
    ("AAAA", "mail.example.com"): ["2001:db8::1"],
    WEB: ["mail.example.com"],
    ("CNAME", "autodiscover.example.com"): ["mail.example.com"],
    ("A", "mta-sts.example.com"): ["192.0.2.1"],
    STS: [f"v=STSv1; id={ID};".encode()],
    RPT: [b"v=TLSRPTv1; rua=mailto:TLS@example.com,https://a.example"],
    TLSA: [tlsa(NOW), tlsa(NEXT)],
    CAA: [CAARecord(0, "issue", f"old.example; accounturi={ACCOUNT}")],
}


class PlanTests(SynchronousTestCase):
    def test_all_records(self) -> None:
        plan = make_plan(TLS_HOST, TLS_OWN)
        self.assertEqual(
            [
                ("_autodiscover._tcp.example.com", "SRV", "0 1 443 mail.example.com."),
                ("autoconfig.example.com", "CNAME", "mail.example.com."),
                ("autodiscover.example.com", "CNAME", "mail.example.com."),
                ("mta-sts.example.com", "CNAME", "mail.example.com."),
                ("_mta-sts.example.com", "TXT", f"v=STSv1; id={ID};"),
                ("_smtp._tls.example.com", "TXT", "v=TLSRPTv1; rua=mailto:tls@example.com"),
                ("_25._tcp.mail.example.com", "TLSA", f"3 1 1 {digest(NOW)}"),
                ("_25._tcp.mail.example.com", "TLSA", f"3 1 1 {digest(NEXT)}"),
                (
                    "mail.example.com",
                    "CAA",
                    f'0 issue "acme.example; accounturi={ACCOUNT}"',
                ),
            ],
            [(r.name, r.kind, r.data) for r in plan.records if r.topic in TOPICS],
        )
        line = f'mail.example.com. 3600 IN CAA 0 issue "acme.example; accounturi={ACCOUNT}"'
        self.assertIn(line, list(zone_text(plan, 80)))
        self.assertIn("prereq nxdomain mta-sts.example.com.", list(nsupdate_text(plan, 80)))

    def test_a_name_without_mail_and_a_host_without_these(self) -> None:
        own = replace(TLS_OWN, domain="mail.example.com", receives=False)
        kinds = {record.kind for record in make_plan(TLS_HOST, own).records}
        self.assertEqual({"A", "AAAA", "PTR", "TXT", "TLSA", "CAA"}, kinds)
        self.assertEqual([], [r for r in make_plan(HOST, OWN).records if r.topic in TOPICS[1:]])


class CheckTests(SynchronousTestCase):
    def check(self, changes: dict[tuple[str, str], Any], signed: bool = False) -> list[DNSFinding]:
        """The findings about the topics here, where DNS is RIGHT but for some records."""
        dns = RecordsLookUp(RIGHT | changes, secure=signed)
        servers = FakeServers(ns1=RecordsLookUp(RIGHT | changes))
        checking = check_plan(make_plan(TLS_HOST, TLS_OWN), servers, dns, Clock())
        found = self.successResultOf(Deferred.fromCoroutine(checking))
        return [each for each in found if each.topic in TOPICS[1:]]

    def finds(
        self, verdict: DNSVerdict, seen: str, changes: dict[tuple[str, str], Any]
    ) -> DNSFinding:
        """The only finding that is not right has this verdict, and says this."""
        (found,) = (each for each in self.check(changes) if each.verdict is not DNSVerdict.RIGHT)
        self.assertIs(verdict, found.verdict, found)
        self.assertIn(seen, found.seen)
        self.assertTrue(found.remedy)
        return found

    def test_all_right(self) -> None:
        found = self.check({})
        self.assertEqual({DNSVerdict.RIGHT}, {each.verdict for each in found}, found)
        self.assertEqual(set(TOPICS[1:]), {each.topic for each in found})

    def test_the_record_of_mta_sts(self) -> None:
        self.finds(DNSVerdict.MISSING, "no record", {STS: [b"other"]})
        stale = self.finds(DNSVerdict.DIFFERENT, "is not the id", {STS: [b"v=STSv1; id=old"]})
        self.assertEqual(['"v=STSv1; id=old"'], [each.data for each in stale.remove])
        self.assertEqual([f"v=STSv1; id={ID};"], [each.data for each in stale.add])
        two = [b"v=STSv1; id=old", f"v=STSv1; id={ID};".encode()]
        found = self.finds(DNSVerdict.DIFFERENT, "several", {STS: two})
        self.assertEqual((1, ()), (len(found.remove), found.add))
        self.finds(DNSVerdict.UNKNOWN, "SERVFAIL", {STS: Found.FAILED})

    def test_mx_hosts_that_the_policy_does_not_name(self) -> None:
        mx = [MXRecord(10, "mail.example.com"), MXRecord(20, "backup.example.net")]
        changes = {("MX", "example.com"): mx, ("A", "backup.example.net"): ["198.51.100.1"]}
        found = self.finds(DNSVerdict.HARMFUL, "does not name backup.example.net", changes)
        self.assertIs(Topic.STS_HOSTS, found.topic)

    def test_the_address_for_reports(self) -> None:
        self.finds(DNSVerdict.MISSING, "no record", {RPT: []})
        other = {RPT: [b"v=TLSRPTv1; rua=mailto:a@b.example"]}
        found = self.finds(DNSVerdict.DIFFERENT, "a@b.example", other)
        data = "v=TLSRPTv1; rua=mailto:a@b.example,mailto:tls@example.com"
        self.assertEqual([data], [each.data for each in found.add])
        self.finds(DNSVerdict.DIFFERENT, "several", {RPT: [*RIGHT[RPT], *other[RPT]]})
        self.finds(DNSVerdict.UNKNOWN, "SERVFAIL", {RPT: Found.FAILED})

    def test_tlsa_records_that_do_not_fit(self) -> None:
        stale = TLSARecord(3, 1, 1, bytes(32))
        found = self.finds(DNSVerdict.HARMFUL, "none is for the key", {TLSA: [stale]})
        self.assertEqual((1, 2), (len(found.remove), len(found.add)))
        self.finds(DNSVerdict.HARMFUL, "none is for the key", {TLSA: [tlsa(NEXT)]})
        found = self.finds(DNSVerdict.DIFFERENT, digest(NOW), {TLSA: [tlsa(NOW)]})
        self.assertEqual([f"3 1 1 {digest(NEXT)}"], [each.data for each in found.add])
        self.finds(DNSVerdict.UNKNOWN, "SERVFAIL", {TLSA: Found.FAILED})

    def test_tlsa_records_are_recommended_in_a_signed_zone_alone(self) -> None:
        for signed, count in ((False, 0), (True, 2)):
            for records in ([], [TLSARecord(1, 1, 1, bytes(32))]):
                found = self.check({TLSA: records}, signed)
                (about,) = (each for each in found if each.topic is Topic.TLSA)
                self.assertEqual((DNSVerdict.RIGHT, count), (about.verdict, len(about.add)))

    def test_tlsa_records_of_another_form_are_not_compared(self) -> None:
        found = self.check({TLSA: [TLSARecord(2, 0, 1, bytes(32))]})
        (about,) = (each for each in found if each.topic is Topic.TLSA)
        self.assertEqual(DNSVerdict.RIGHT, about.verdict)
        self.assertIn("were not compared", about.remedy)

    def test_caa_records(self) -> None:
        records = {
            "acme.example": True,
            f" OLD.example ; accounturi={ACCOUNT}": True,
            "other.example": False,
            ";": False,
            "acme.example; accounturi=https://acme.example/acct/2": False,
        }
        for value, right in records.items():
            found = self.check({CAA: [CAARecord(0, "issue", value)]})
            wrong = [each.add[0].name for each in found if each.verdict is DNSVerdict.HARMFUL]
            self.assertEqual([] if right else ["mail.example.com"], wrong, value)
        self.finds(
            DNSVerdict.HARMFUL,
            "at example.com",
            {("CAA", "example.com"): [CAARecord(0, "issue", "other.example")]},
        )

    def test_caa_records_for_the_account_of_trials(self) -> None:
        trials = "https://trial.example/acct/3"
        authority = Authority(("acme.example",), (ACCOUNT, trials))
        host = replace(TLS_HOST, certificates=HostCertificates((), authority))
        both = [
            CAARecord(0, "issue", f"acme.example; accounturi={each}") for each in (ACCOUNT, trials)
        ]
        planned = [each.data for each in make_plan(host, TLS_OWN).about(Topic.CAA)]
        self.assertEqual([f'0 issue "{each.value}"' for each in both], planned)
        self.assertTrue(may_issue(authority, both))
        self.assertFalse(may_issue(authority, both[:1]))
        self.assertTrue(may_issue(authority, [CAARecord(0, "issue", "acme.example")]))

    def test_caa_records_without_an_issuer(self) -> None:
        for record, right in (
            (CAARecord(0, "issuewild", ";"), True),
            (CAARecord(128, "iodef", "mailto:a@example.com"), True),
            (CAARecord(128, "future", ""), False),
        ):
            found = self.check({CAA: [record]})
            self.assertEqual(right, all(each.verdict is DNSVerdict.RIGHT for each in found))
        found = self.check({CAA: []})
        about = [each for each in found if each.topic is Topic.CAA]
        self.assertEqual([1], [len(each.add) for each in about])

    def test_names_of_the_web_listener(self) -> None:
        self.finds(DNSVerdict.MISSING, "no record", {WEB: []})
        at_home = {WEB: [], ("A", WEB[1]): ["192.0.2.1"]}
        self.assertEqual({DNSVerdict.RIGHT}, {each.verdict for each in self.check(at_home)})
        away = {WEB: [], ("A", WEB[1]): ["198.51.100.1"]}
        found = self.finds(DNSVerdict.DIFFERENT, "198.51.100.1, and not this host", away)
        self.assertEqual([("A", "198.51.100.1")], [(r.kind, r.data) for r in found.remove])
        other = {WEB: ["web.example.net"], ("A", WEB[1]): ["198.51.100.1"]}
        found = self.finds(DNSVerdict.DIFFERENT, "another name of web.example.net", other)
        self.assertEqual(["CNAME"], [each.kind for each in found.remove])

    @given(
        strategies.lists(
            strategies.builds(
                bytes.__add__,
                strategies.sampled_from([b"", b"v=STSv1; ", b"v=TLSRPTv1; rua="]),
                strategies.binary(max_size=40) | strategies.text("id=;,:mailto! 1").map(str.encode),
            ),
            max_size=3,
        ),
        strategies.binary(max_size=40),
        strategies.text(max_size=40),
    )
    def test_any_records_are_judged(self, texts: list[bytes], data: bytes, value: str) -> None:
        found = self.check(
            {
                STS: texts,
                RPT: texts,
                TLSA: [TLSARecord(3, 1, 1, data), TLSARecord(2, 0, 0, data)],
                CAA: [CAARecord(0, "issue", value), CAARecord(1, value, value)],
            }
        )
        self.assertTrue(found)
        for line in changes_text(found, "example.com", 80):
            self.assertNotIn("\n", "" if line.startswith(";") else line)
