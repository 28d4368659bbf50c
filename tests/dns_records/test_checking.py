"""A plan compared with DNS: each way in which a record is right, missing, different, harmful."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, strategies
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.dkim.keys import make_ed25519_key, make_rsa_key
from mailhost.dns_records.checking import check_plan
from mailhost.dns_records.facts import AddressSource, DomainFacts, HostAddresses, HostFacts
from mailhost.dns_records.finding import DNSFinding, DNSVerdict, exit_code
from mailhost.dns_records.plan import make_plan
from mailhost.dns_records.record import Topic
from mailhost.dns_records.report import changes_text, findings_text
from mailhost.dns_records.zone import nsupdate_text, zone_text
from mailhost.interfaces.dns import Found, MXRecord, SRVRecord
from mailhost.message.address import parse_address
from tests.dns_records.facts import HOST, OWN, key
from tests.dns_records.fake_dns import FakeServers
from tests.lookups import RecordsLookUp

_RSA, OTHER_KEY = make_rsa_key(2048).record(), make_ed25519_key().record()
OWN_WITH_KEY = replace(OWN, keys=(key(record=_RSA),))
_KEY = ("TXT", "r1._domainkey.example.com")
_SPF = ("TXT", "example.com")
_DMARC = ("TXT", "_dmarc.example.com")
_V6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
RIGHT: dict[tuple[str, str], Any] = {
    ("MX", "example.com"): [MXRecord(10, "mail.example.com")],
    ("A", "mail.example.com"): ["192.0.2.1"],
    ("AAAA", "mail.example.com"): ["2001:db8::1"],
    ("PTR", "1.2.0.192.in-addr.arpa"): ["mail.example.com"],
    ("PTR", _V6): ["mail.example.com"],
    _SPF: [b"v=spf1 mx -all", b"other=1"],
    ("TXT", "mail.example.com"): [b"v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all"],
    _KEY: [_RSA.encode()],
    _DMARC: [b"v=DMARC1; p=reject"],
    ("SRV", "_submissions._tcp.example.com"): [SRVRecord(0, 1, 465, "mail.example.com")],
    ("SRV", "_pop3s._tcp.example.com"): [SRVRecord(5, 5, 995, "mail.example.com")],
}


class CheckCase(SynchronousTestCase):
    """Runs checks on DNS in memory."""

    def check(
        self,
        changes: dict[tuple[str, str], Any],
        own: DomainFacts = OWN_WITH_KEY,
        host: HostFacts = HOST,
    ) -> list[DNSFinding]:
        """The findings where DNS is RIGHT but for some records."""
        dns = RecordsLookUp(RIGHT | changes)
        return self.findings(FakeServers(ns1=dns), dns, own, host)

    def findings(
        self,
        servers: FakeServers,
        dns: RecordsLookUp,
        own: DomainFacts = OWN_WITH_KEY,
        host: HostFacts = HOST,
    ) -> list[DNSFinding]:
        """The findings of all checks."""
        checking = check_plan(make_plan(host, own), servers, dns, Clock())
        return self.successResultOf(Deferred.fromCoroutine(checking))

    def one(
        self, changes: dict[tuple[str, str], Any], own: DomainFacts = OWN_WITH_KEY
    ) -> DNSFinding:
        """The only finding that is not right."""
        (found,) = (
            each for each in self.check(changes, own) if each.verdict is not DNSVerdict.RIGHT
        )
        return found

    def finds(
        self,
        verdict: DNSVerdict,
        seen: str,
        changes: dict[tuple[str, str], Any],
        own: DomainFacts = OWN_WITH_KEY,
    ) -> DNSFinding:
        """The only finding that is not right has this verdict, and says this."""
        found = self.one(changes, own)
        self.assertEqual(verdict, found.verdict, found)
        self.assertIn(seen, found.seen)
        self.assertTrue(found.remedy)
        return found


class WholeTests(CheckCase):
    """All records."""

    def test_all_right(self) -> None:
        findings = self.check({})
        self.assertEqual([], [each for each in findings if each.verdict is not DNSVerdict.RIGHT])
        planned = {record.topic for record in make_plan(HOST, OWN_WITH_KEY).records}
        self.assertEqual(planned, {f.topic for f in findings})
        self.assertEqual(0, exit_code(findings))
        text = list(findings_text(findings, "example.com", 80))
        self.assertIn("right      MX of example.com: 10 mail.example.com.", text)
        self.assertEqual("example.com: all records are right", text[-1])

    def test_text_is_folded_and_records_are_not(self) -> None:
        dns = RecordsLookUp({})
        findings = self.findings(FakeServers(ns1=dns), dns)
        for text in (
            findings_text(findings, "example.com", 80),
            changes_text(findings, "example.com", 80),
            zone_text(make_plan(HOST, OWN_WITH_KEY), 80),
            nsupdate_text(make_plan(HOST, OWN_WITH_KEY), 80),
        ):
            lines = list(text)
            records = [line for line in lines if " 3600 " in line]
            self.assertTrue(any("_domainkey" in line and len(line) > 400 for line in records))
            others = [line for line in lines if line not in records]
            self.assertEqual([], [line for line in others if len(line) > 80 and _V6 not in line])

    def test_nothing_there(self) -> None:
        dns = RecordsLookUp({})
        findings = self.findings(FakeServers(ns1=dns), dns)
        self.assertEqual({DNSVerdict.MISSING}, {each.verdict for each in findings})
        planned = set(make_plan(HOST, OWN_WITH_KEY).records)
        self.assertEqual(planned, {record for each in findings for record in each.add})
        self.assertEqual(2, exit_code(findings))

    def test_no_server_answers(self) -> None:
        dns = RecordsLookUp(dict.fromkeys(RIGHT, Found.FAILED))
        findings = self.findings(FakeServers(ns1=dns), dns)
        self.assertEqual({DNSVerdict.UNKNOWN}, {each.verdict for each in findings})
        self.assertEqual(3, exit_code(findings))
        findings = self.findings(FakeServers(), RecordsLookUp(RIGHT))
        self.assertIn(DNSVerdict.UNKNOWN, {each.verdict for each in findings})

    def test_exit_codes(self) -> None:
        each = {verdict: DNSFinding(Topic.MAIL, "", verdict, "") for verdict in DNSVerdict}
        codes = {verdict: exit_code([finding]) for verdict, finding in each.items()}
        self.assertEqual([0, 1, 2, 2, 3], list(codes.values()))
        self.assertEqual(3, exit_code([each[DNSVerdict.DIFFERENT], each[DNSVerdict.UNKNOWN]]))
        self.assertEqual(2, exit_code([each[DNSVerdict.MISSING], each[DNSVerdict.UNKNOWN]]))

    def test_servers_that_differ_or_fail(self) -> None:
        late = RecordsLookUp({key: value for key, value in RIGHT.items() if key != _KEY})
        silent = RecordsLookUp(dict.fromkeys(RIGHT, Found.FAILED))
        dns = RecordsLookUp(RIGHT)
        findings = self.findings(FakeServers(ns1=dns, ns2=late, ns3=silent), dns)
        wrong = [each for each in findings if each.verdict is not DNSVerdict.RIGHT]
        self.assertEqual({Topic.SERVERS}, {each.topic for each in wrong})
        self.assertEqual(
            [
                ("server ns3 of example.com", "SERVFAIL"),
                (
                    "TXT of r1._domainkey.example.com",
                    "the servers differ (ns1: 1 record; ns2: 0 records)",
                ),
            ],
            [(each.tried, each.seen) for each in wrong],
        )
        self.assertEqual(1, exit_code(findings))


class MailTests(CheckCase):
    """MX records."""

    MX = ("MX", "example.com")

    def test_missing(self) -> None:
        found = self.finds(
            DNSVerdict.MISSING,
            "no record",
            {self.MX: [], _SPF: [b"v=spf1 a:mail.example.com -all"]},
        )
        self.assertEqual("10 mail.example.com.", found.add[0].data)

    def test_other_hosts(self) -> None:
        other = [MXRecord(5, "mx.isp.example")]
        there = {
            ("A", "mx.isp.example"): ["198.51.100.1"],
            _SPF: [b"v=spf1 a:mail.example.com -all"],
        }
        found = self.finds(DNSVerdict.DIFFERENT, "5 mx.isp.example.", {self.MX: other, **there})
        self.assertEqual(["5 mx.isp.example."], [each.data for each in found.remove])
        both = {self.MX: [*other, MXRecord(10, "mail.example.com")], **there}
        self.finds(DNSVerdict.DIFFERENT, "10 mail.example.com.", both)
        backup = {self.MX: [MXRecord(10, "mail.example.com"), MXRecord(20, "mx.isp.example")]}
        found = self.check(backup | there)[0]
        self.assertEqual(DNSVerdict.RIGHT, found.verdict)
        self.assertIn("remove them if they are not yours", found.remedy)

    def test_a_null_mx(self) -> None:
        null = {self.MX: [MXRecord(0, "")], _SPF: [b"v=spf1 a:mail.example.com -all"]}
        self.finds(DNSVerdict.HARMFUL, "0 .", null)

    def test_cnames(self) -> None:
        found = self.finds(
            DNSVerdict.HARMFUL,
            "another name (CNAME) of web.example.net",
            {("CNAME", "example.com"): ["web.example.net"]},
        )
        self.assertEqual("web.example.net.", found.remove[0].data)
        findings = self.check({("CNAME", "mail.example.com"): ["host.example.net"]})
        topics = [each.topic for each in findings if each.verdict is DNSVerdict.HARMFUL]
        self.assertEqual([Topic.MAIL, Topic.ADDRESS], topics)

    def test_a_host_without_address(self) -> None:
        two = [MXRecord(10, "mail.example.com"), MXRecord(20, "mx2.example.com")]
        self.finds(DNSVerdict.HARMFUL, "there is no address", {self.MX: two})


class AddressTests(CheckCase):
    """Addresses of the host and their names."""

    def test_addresses(self) -> None:
        lost = {
            ("AAAA", "mail.example.com"): [],
            _SPF: [b"v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all"],
        }
        self.finds(DNSVerdict.MISSING, "2001:db8::1 is not there", lost)
        more = {("A", "mail.example.com"): ["192.0.2.1", "192.0.2.9"]}
        found = self.finds(DNSVerdict.DIFFERENT, "192.0.2.9 is there", more)
        self.assertEqual(("A", "192.0.2.9"), (found.remove[0].kind, found.remove[0].data))

    def test_reverse_names(self) -> None:
        name = ("PTR", "1.2.0.192.in-addr.arpa")
        self.finds(DNSVerdict.MISSING, "there is no record", {name: []})
        self.finds(DNSVerdict.HARMFUL, "does not lead back", {name: ["a.isp.example"]})
        back = {name: ["a.isp.example"], ("A", "a.isp.example"): ["192.0.2.1"]}
        self.finds(DNSVerdict.DIFFERENT, "a.isp.example", back)
        found = self.finds(DNSVerdict.MISSING, "there is no record", {("PTR", _V6): []})
        self.assertIn("relay.families", found.remedy)
        self.assertEqual([], list(changes_text([found], "example.com", 80)))


class SPFTests(CheckCase):
    """SPF by evaluation."""

    def spf(self, verdict: DNSVerdict, seen: str, *texts: bytes, **more: Any) -> DNSFinding:
        """The finding about these records of example.com."""
        own = replace(OWN_WITH_KEY, **more)
        return self.finds(verdict, seen, {_SPF: texts, **self.more}, own)

    def setUp(self) -> None:
        super().setUp()
        self.more: dict[tuple[str, str], Any] = {}

    def test_missing(self) -> None:
        self.spf(DNSVerdict.MISSING, "no record", b"other=1")

    def test_several(self) -> None:
        found = self.spf(DNSVerdict.HARMFUL, "several", b"v=spf1 mx -all", b"v=spf1 a ~all")
        self.assertEqual(2, len(found.remove))
        commands = list(changes_text([found], "example.com", 80))
        self.assertIn('update delete example.com. TXT "v=spf1 a ~all"', commands)
        merged = "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 mx a ~all"
        self.assertIn(f'update add example.com. 3600 TXT "{merged}"', commands)
        self.assertEqual("send", commands[-1])

    def test_a_dangling_include(self) -> None:
        text = b"v=spf1 mx include:gone.example -all"
        self.spf(DNSVerdict.HARMFUL, "gone.example is included, and has no SPF record", text)

    def test_an_eleventh_look_up(self) -> None:
        text = (
            b"v=spf1 mx " + b" ".join(b"a:h%d.example" % number for number in range(10)) + b" -all"
        )
        self.more = {("A", f"h{n}.example"): ["198.51.100.1"] for n in range(10)}
        self.more |= {("AAAA", f"h{n}.example"): ["2001:db8:1::"] for n in range(10)}
        self.spf(DNSVerdict.HARMFUL, "more than 10 terms that need DNS", text)

    def test_a_fault_for_a_family_that_this_host_does_not_use(self) -> None:
        names = [f"h{number}.example" for number in range(3)]
        text = " ".join(["v=spf1 ip4:192.0.2.1", *(f"a:{name}" for name in names), "-all"])
        dns = RecordsLookUp(
            RIGHT | {_SPF: [text.encode()]} | {("A", n): ["192.0.2.7"] for n in names}
        )
        for addresses, verdict in (
            (("192.0.2.1",), DNSVerdict.RIGHT),
            (("192.0.2.1", "2001:db8::1"), DNSVerdict.HARMFUL),
        ):
            host = replace(HOST, addresses=HostAddresses(addresses, AddressSource.SETTINGS))
            findings = self.findings(FakeServers(ns1=dns), dns, OWN_WITH_KEY, host)
            (found, _) = (each for each in findings if each.topic is Topic.SPF)
            self.assertEqual(verdict, found.verdict, found)

    def test_wrong_syntax(self) -> None:
        self.spf(DNSVerdict.HARMFUL, "is no mechanism", b"v=spf1 mx ipv4:192.0.2.1 -all")

    def test_all_strangers(self) -> None:
        self.spf(DNSVerdict.HARMFUL, "allows every address (+all)", b"v=spf1 mx +all")

    def test_this_host_may_not_send(self) -> None:
        self.more = {("TXT", "_spf.isp.example"): [b"v=spf1 ip4:198.51.100.0/24 -all"]}
        text = b"v=spf1 include:_spf.isp.example -all"
        found = self.spf(DNSVerdict.HARMFUL, "fail for 192.0.2.1", text)
        self.assertEqual(
            "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 include:_spf.isp.example -all", found.add[0].data
        )

    def test_a_route_that_is_not_included(self) -> None:
        self.more = {("TXT", "_spf.isp.example"): [b"v=spf1 ip4:198.51.100.0/24 -all"]}
        spf = ("include:_spf.isp.example",)
        found = self.spf(DNSVerdict.DIFFERENT, "(1 of 10 look-ups)", b"v=spf1 mx -all", spf=spf)
        self.assertIn("Add include:_spf.isp.example", found.remedy)
        self.assertIn("include:_spf.isp.example mx -all", found.add[0].data)

    def test_no_word_about_strangers(self) -> None:
        for text in (b"v=spf1 mx", b"v=spf1 mx ?all"):
            found = self.spf(DNSVerdict.DIFFERENT, "look-ups", text)
            self.assertTrue(found.add[0].data.endswith(" mx ~all"), found.add)

    def test_a_failure_is_not_an_absence(self) -> None:
        self.more = {("TXT", "_spf.isp.example"): Found.FAILED}
        text = b"v=spf1 mx include:_spf.isp.example -all"
        self.spf(DNSVerdict.UNKNOWN, "_spf.isp.example could not be looked up", text)


class KeyTests(CheckCase):
    """Keys of DKIM."""

    def test_each_fault(self) -> None:
        self.finds(DNSVerdict.MISSING, "no record", {_KEY: []})
        for seen, texts in {
            "another key": [OTHER_KEY],
            "revoked": ["v=DKIM1; p="],
            "cut after 255 octets": [_RSA[:255]],
            "no DKIM1 key": ["v=spf1 -all"],
            "several": [_RSA, OTHER_KEY],
        }.items():
            found = self.finds(DNSVerdict.HARMFUL, seen, {_KEY: [text.encode() for text in texts]})
            self.assertEqual(len(texts), len(found.remove))
        self.finds(DNSVerdict.DIFFERENT, "t=y", {_KEY: [f"{_RSA}; t=y".encode()]})
        self.finds(DNSVerdict.UNKNOWN, "SERVFAIL", {_KEY: Found.FAILED})

    def test_no_key(self) -> None:
        found = self.finds(
            DNSVerdict.MISSING, "there is no key", {}, replace(OWN_WITH_KEY, keys=())
        )
        self.assertIn("mailhost dkim make example.com", found.remedy)
        unsigned = self.check({}, replace(OWN_WITH_KEY, keys=(), signer=""))
        self.assertEqual({DNSVerdict.RIGHT}, {each.verdict for each in unsigned})

    def test_the_same_key_in_other_words(self) -> None:
        text = _RSA.replace("v=DKIM1; k=rsa;", "k=rsa ;  s=email;")
        self.assertNotEqual(text, _RSA)
        findings = self.check({_KEY: [text.encode()]})
        self.assertEqual({DNSVerdict.RIGHT}, {each.verdict for each in findings})


class PolicyTests(CheckCase):
    """DMARC."""

    def test_each_fault(self) -> None:
        self.finds(DNSVerdict.MISSING, "no record", {_DMARC: [b"other"]})
        policy = b"v=DMARC1; p=none"
        several = {_DMARC: [policy, b"v=DMARC1; p=reject", b"v=DMARC1; p=nonne"]}
        found = self.finds(DNSVerdict.HARMFUL, "several", several)
        kept = ['"v=DMARC1; p=nonne"', '"v=DMARC1; p=none"']
        self.assertEqual((kept, ()), ([each.data for each in found.remove], found.add))
        self.finds(DNSVerdict.HARMFUL, "p=nonne", {_DMARC: [b"v=DMARC1; p=nonne"]})
        self.finds(DNSVerdict.UNKNOWN, "SERVFAIL", {_DMARC: Found.FAILED})

    def test_the_record_of_a_domain_above(self) -> None:
        above = {_DMARC: [], ("TXT", "_dmarc.com"): [b"v=DMARC1; p=reject; sp=none"]}
        (found,) = (each for each in self.check(above) if each.topic is Topic.DMARC)
        self.assertEqual(DNSVerdict.RIGHT, found.verdict)
        self.assertIn("that of com applies (sp=none)", found.seen)

    def test_reports(self) -> None:
        own = replace(OWN_WITH_KEY, reports=parse_address("dmarc@example.com"))
        text = b"v=DMARC1; p=reject; sp=none; rua=mailto:a@b.example"
        found = self.finds(DNSVerdict.DIFFERENT, "sp=none", {_DMARC: [text]}, own)
        self.assertEqual(
            "v=DMARC1; p=reject; sp=none; rua=mailto:a@b.example,mailto:dmarc@example.com",
            found.add[0].data,
        )

    def test_consent_to_reports(self) -> None:
        own = replace(OWN_WITH_KEY, reports=parse_address("dmarc@example.net"))
        policy = {_DMARC: [b"v=DMARC1; p=none; rua=mailto:dmarc@example.net"]}
        name = ("TXT", "example.com._report._dmarc.example.net")
        self.finds(DNSVerdict.MISSING, "no record", policy, own)
        self.finds(DNSVerdict.UNKNOWN, "SERVFAIL", policy | {name: Found.FAILED}, own)
        findings = self.check(policy | {name: [b"v=DMARC1;"]}, own)
        self.assertEqual({DNSVerdict.RIGHT}, {each.verdict for each in findings})


class HostileTests(CheckCase):
    """Records of any content."""

    @given(
        strategies.lists(
            strategies.builds(
                bytes.__add__,
                strategies.sampled_from([b"", b"v=spf1 ", b"v=DMARC1; ", b"v=DKIM1; "]),
                strategies.binary(max_size=60)
                | strategies.text("aplx=:;/-~?+%{}. 1").map(str.encode),
            ),
            max_size=3,
        )
    )
    def test_any_text_is_judged(self, texts: list[bytes]) -> None:
        names = (_SPF, _KEY, _DMARC, ("TXT", "mail.example.com"))
        findings = self.check(dict.fromkeys(names, texts))
        self.assertIn(exit_code(findings), range(4))
        for line in changes_text(findings, "example.com", 80):
            self.assertTrue(line.isascii() or line.startswith(";"), line)
            self.assertNotIn("\n", "" if line.startswith(";") else line)


class ServiceTests(CheckCase):
    """SRV records."""

    def test_each_fault(self) -> None:
        name = ("SRV", "_submissions._tcp.example.com")
        self.finds(DNSVerdict.MISSING, "no record", {name: []})
        self.finds(DNSVerdict.DIFFERENT, "0 0 0 .", {name: [SRVRecord(0, 0, 0, "")]})
        other = SRVRecord(0, 1, 4650, "mail.example.com")
        found = self.finds(DNSVerdict.DIFFERENT, "0 1 4650", {name: [other, *RIGHT[name]]})
        self.assertEqual((), found.add)
        self.assertEqual(["0 1 4650 mail.example.com."], [each.data for each in found.remove])
        self.finds(DNSVerdict.UNKNOWN, "SERVFAIL", {name: Found.FAILED})
