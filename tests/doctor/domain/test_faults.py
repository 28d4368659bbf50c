"""Domains that are each wrong in one way: the doctor names that fault and no other."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any, NamedTuple

from hypothesis import given, strategies
from twisted.internet.defer import Deferred

import mailhost.doctor.domain
from mailhost.dns_records.published.mx import PublishedHost, PublishedMX, published_mx
from mailhost.doctor.checks import run_checks
from mailhost.doctor.domain import hosted, own_policy
from mailhost.doctor.domain.checks import SECONDS, checks_of_domain
from mailhost.doctor.domain.mx import judge_mx
from mailhost.doctor.domain.reach import reachable_for
from mailhost.doctor.domain.services import MOST_SERVERS, check_services
from mailhost.doctor.domain.spf import check_spf
from mailhost.doctor.finding import Fault, Verdict
from mailhost.interfaces.dns import Found, MXRecord, Reply, SRVRecord, TLSARecord
from mailhost.net.https_fetch import Fetched, FetchFailed
from tests.doctor.domain.zones import (
    FILES,
    POLICY,
    RIGHT,
    URL,
    Changes,
    DomainCase,
    Files,
    settings,
)
from tests.lookups import SilentLookUp, answered

_MX = ("MX", "example.com")
_SPF = ("TXT", "example.com")
_DMARC = ("TXT", "_dmarc.example.com")
_STS = ("TXT", "_mta-sts.example.com")
_RPT = ("TXT", "_smtp._tls.example.com")
_TLSA = ("TLSA", "_25._tcp.mail.example.com")
_SRV = ("SRV", "_imaps._tcp.example.com")
_MAIL, _MAIL6 = ("A", "mail.example.com"), ("AAAA", "mail.example.com")
_ONE = {_MX: [MXRecord(10, "mail.example.com")]}
_ELEVEN = " ".join(f"a:h{number}.example.com" for number in range(11))
F, W, U = Verdict.FAILURE, Verdict.WARNING, Verdict.UNKNOWN


class Wrong(NamedTuple):
    """A finding (its name, its verdict, what it says), and what is wrong in DNS and in files."""

    name: str
    verdict: Verdict
    seen: str
    changes: Changes
    files: Mapping[str, Any] = {}


def policy(text: bytes) -> Mapping[str, Any]:
    """The policy of MTA-STS with other text."""
    return {URL: Fetched(200, "text/plain", text)}


TABLE = (
    Wrong("mx-missing", F, "no MX record", {_MX: [], ("A", "example.com"): []}),
    Wrong("mx-missing", F, "no MX record", {_MX: [], ("A", "example.com"): ["127.0.0.1"]}),
    Wrong(
        "mx-implicit", W, "mail goes to 1.2.3.4", {_MX: []}, policy(b"mx:example.com\n" + POLICY)
    ),
    Wrong("mx-null", F, "0 .", {_MX: [MXRecord(0, "")]}),
    Wrong("mx-null", F, "beside other records", {_MX: [*RIGHT[_MX], MXRecord(0, "")]}),
    Wrong("mx-not-a-name", F, "in place of a name", {_MX: [MXRecord(10, "1.2.3.4")]}),
    Wrong("mx-not-a-name", W, "a name", {_MX: [*RIGHT[_MX], MXRecord(30, "1.2.3.4")]}),
    Wrong("mx-dangling", W, "it has no address", {_MAIL: [], _MAIL6: []}),
    Wrong("mx-dangling", F, "it has no address", {**_ONE, _MAIL: [], _MAIL6: [], _SRV: []}),
    Wrong(
        "mx-dangling",
        W,
        "(CNAME) of old.example.com, which has no address",
        {("A", "two.example.com"): [], ("CNAME", "two.example.com"): ["old.example.com"]},
    ),
    Wrong("mx-alias", W, "of a.example.com", {("CNAME", "mail.example.com"): ["a.example.com"]}),
    Wrong("mx-private", W, "192.168.1.1 is no", {_MAIL: ["192.168.1.1"]}),
    Wrong("mx-private", F, "127.0.0.1, ::1 is", {**_ONE, _MAIL: ["127.0.0.1"], _MAIL6: ["::1"]}),
    Wrong("mx-private", W, "192.0.2.9 is no", {("A", "two.example.com"): ["192.0.2.9"]}),
    Wrong("mx-duplicate", W, "5 mail", {_MX: [*RIGHT[_MX], MXRecord(5, "mail.example.com")]}),
    Wrong("spf-missing", W, "no SPF record", {_SPF: [b"other=1"]}),
    Wrong("spf-several", F, "v=spf1 -all", {_SPF: [b"v=spf1 a -all", b"v=spf1 -all"]}),
    Wrong("spf-syntax", F, "ip4:1.2.3", {_SPF: [b"v=spf1 ip4:1.2.3 -all"]}),
    Wrong(
        "spf-lookups",
        F,
        "more than 10 look-ups",
        {
            _SPF: [f"v=spf1 {_ELEVEN} -all".encode()],
            **{("A", f"h{number}.example.com"): ["1.2.3.4"] for number in range(11)},
        },
    ),
    Wrong("spf-error", F, "has no SPF record", {_SPF: [b"v=spf1 include:no.example.com -all"]}),
    Wrong("spf-allows-all", F, "every address (+all)", {_SPF: [b"v=spf1 +all"]}),
    Wrong("spf-no-end", W, "v=spf1 mx", {_SPF: [b"v=spf1 mx"]}),
    Wrong("dmarc-missing", W, "no DMARC record", {_DMARC: []}),
    Wrong("dmarc-several", W, "p=none", {_DMARC: [b"v=DMARC1; p=none", b"v=DMARC1; p=reject"]}),
    Wrong("dmarc-syntax", W, "p=rejct cannot", {_DMARC: [b"v=DMARC1; p=rejct"]}),
    Wrong("dmarc-syntax", W, "rua=d@a", {_DMARC: [b"v=DMARC1; p=none; rua=d@a.example"]}),
    Wrong("mta-sts-record", W, "several", {_STS: [b"v=STSv1; id=1", b"v=STSv1; id=2"]}),
    Wrong("mta-sts-record", W, "it needs an id", {_STS: [b"v=STSv1; id=2026-01-01"]}),
    Wrong("mta-sts-policy", W, "another name", {}, {URL: FetchFailed("it is for another name")}),
    Wrong("mta-sts-policy", U, "no reply", {}, {URL: FetchFailed("no reply", certain=False)}),
    Wrong("mta-sts-policy", W, "answers 404", {}, {URL: Fetched(404, "text/plain", b"")}),
    Wrong("mta-sts-policy", W, "not followed", {}, {URL: Fetched(301, "text/plain", b"")}),
    Wrong("mta-sts-policy", W, "text/html", {}, {URL: Fetched(200, "text/html", POLICY)}),
    Wrong("mta-sts-policy", W, "its mode", {}, policy(POLICY.replace(b"enforce", b"on"))),
    Wrong("mta-sts-mx", F, "not name two", {}, policy(POLICY.replace(b"*", b"mail"))),
    Wrong(
        "mta-sts-mx",
        W,
        "mode testing",
        {},
        policy(POLICY.replace(b"*", b"mail").replace(b"enforce", b"testing")),
    ),
    Wrong("tlsa-syntax", W, "must have 32 octets", {_TLSA: [TLSARecord(3, 1, 1, b"short")]}),
    Wrong("tlsa-syntax", W, "usage must be 2 or 3", {_TLSA: [TLSARecord(1, 1, 1, bytes(32))]}),
    Wrong("tls-rpt-syntax", W, "no rua", {_RPT: [b"v=TLSRPTv1; rua=t@example.com"]}),
    Wrong("tls-rpt-syntax", W, "several", {_RPT: [b"v=TLSRPTv1;rua=https://a.example"] * 2}),
    Wrong("srv-target", W, "no.example.com, which", {_SRV: [SRVRecord(0, 1, 1, "no.example.com")]}),
    Wrong(
        "dns-unanswered",
        U,
        "SERVFAIL",
        {("A", "two.example.com"): Found.FAILED, _SPF: [b"v=spf1 -all"]},
    ),
    *(
        Wrong("dns-unanswered", U, "SERVFAIL", {place: Found.FAILED})
        for place in (_MX, _SPF, _DMARC, _STS, _RPT, _TLSA, _SRV, ("A", "imap.example.com"))
    ),
)


class TableTests(DomainCase):
    def test_all_right(self) -> None:
        results = self.results()
        self.assertEqual([], self.faults(results))
        self.assertEqual([], [each.check.title for each in results if not each.findings])

    def test_each_fault_and_no_other(self) -> None:
        for wrong in TABLE:
            found = self.faults(self.results(wrong.changes, wrong.files))
            names = [each.name for each in found]
            self.assertEqual([f"doctor/{wrong.name}"], names, (wrong, found))
            self.assertIs(wrong.verdict, found[0].verdict, wrong)
            self.assertIn(wrong.seen, found[0].seen)

    def test_the_table_has_every_fault(self) -> None:
        known = set()
        for found in pkgutil.iter_modules(mailhost.doctor.domain.__path__):
            module = importlib.import_module(f"mailhost.doctor.domain.{found.name}")
            if module not in (hosted, own_policy):
                known |= {each.name for each in vars(module).values() if isinstance(each, Fault)}
        tested = {wrong.name for wrong in TABLE} | {"domain-missing"}
        self.assertEqual(known | {"dns-unanswered"}, tested)

    def test_what_a_domain_need_not_have(self) -> None:
        kinds = ("_mta-sts", "_smtp._tls", "_25._tcp", "_submissions", "_imaps", "_pop3s")
        without: Changes = {key: [] for key in RIGHT if key[1].startswith(kinds)}
        results = self.results(without, dict.fromkeys(FILES, FetchFailed("refused")))
        self.assertEqual([], self.faults(results))
        said = " ".join(each.seen for result in results for each in result.findings)
        for part in (
            "no DANE",
            "by hand",
            "no reports about TLS",
            "only if the server",
            "refused",
        ):
            self.assertIn(part, said)

    def test_a_policy_of_the_domain_above(self) -> None:
        changes = {
            ("MX", "sub.example.com"): RIGHT[_MX],
            ("TXT", "sub.example.com"): RIGHT[_SPF],
            _DMARC: [b"v=DMARC1; p=reject; sp=quarantine"],
        }
        results = self.results(changes, domain="sub.example.com")
        self.assertEqual([], self.faults(results))
        seen = [each.seen for result in results for each in result.findings]
        text = "no record; that of example.com applies, which asks to take mail that fails for spam"
        self.assertIn(text, seen)

    def test_names_for_tests_and_of_private_networks_may_have_any_address(self) -> None:
        for name in ("books.test", "books.internal"):
            changes = {
                ("MX", name): [MXRecord(10, f"mail.{name}")],
                ("A", f"mail.{name}"): ["127.0.0.1"],
                ("TXT", name): [b"v=spf1 mx -all"],
                ("TXT", f"_dmarc.{name}"): [b"v=DMARC1; p=none"],
            }
            self.assertEqual([], self.faults(self.results(changes, domain=name)))

    def test_settings_that_allow_loopback(self) -> None:
        loaded = settings(relay={"allow_loopback": True})
        reachable = reachable_for(self.context(None, loaded=loaded), "example.com")
        addresses = ("127.0.0.2", "::1", "1.2.3.4", "10.0.0.1", "192.0.2.1", "224.0.0.1")
        self.assertEqual([True, True, True, False, False, False], [*map(reachable, addresses)])


class WithoutDomainTests(DomainCase):
    """Names that do not exist, or of which DNS says nothing."""

    def test_a_missing_domain_is_one_fault(self) -> None:
        [found] = self.faults(self.results(domain="no.example.org"))
        self.assertEqual(("doctor/domain-missing", F), (found.name, found.verdict))

    def test_all_silent(self) -> None:
        published = PublishedMX("example.com", Reply(Found.FAILED, trouble="no answer"))
        [found] = self.faults(self.run_all(checks_of_domain(self.context(None), published)))
        self.assertEqual(("doctor/dns-unanswered", U), (found.name, found.verdict))

    def test_dns_falls_silent(self) -> None:
        published = answered(published_mx("example.com"), RIGHT)
        context = self.context(SilentLookUp())
        checks = checks_of_domain(context, published, Files(FILES).fetch)
        running = Deferred.fromCoroutine(run_checks(checks, self.clock, lambda result: None))
        self.clock.advance(SECONDS)
        found = self.faults([*self.successResultOf(running)])
        self.assertEqual(
            {("doctor/dns-unanswered", U)}, {(each.name, each.verdict) for each in found}
        )
        self.assertEqual(6, len(found))  # SPF, DMARC, SRV, MTA-STS, TLSA, TLS-RPT

    def test_many_servers_of_mail_programs(self) -> None:
        many = [SRVRecord(0, 1, 1, f"no{number}.example.com") for number in range(60)]
        found = answered(check_services("example.com"), {**RIGHT, _SRV: many})
        self.assertEqual(MOST_SERVERS + 1, len(found))
        self.assertEqual("not looked up", found[-1].seen[-13:])

    def test_no_name_that_a_host_can_have(self) -> None:
        reply: Reply[MXRecord] = Reply(Found.NO_RECORDS, trouble="'[1.2.3.4]' is no host name")
        [found] = judge_mx(PublishedMX("example.com", reply), bool)
        self.assertEqual(("doctor/mx-not-a-name", F), (found.name, found.verdict))
        self.assertIn("[1.2.3.4]", found.seen)

    def test_a_host_that_could_not_be_looked_up_may_take_the_mail(self) -> None:
        hosts = (PublishedHost("a.example.com", trouble="SERVFAIL"), PublishedHost("b.example.com"))
        records = (MXRecord(1, "a.example.com"), MXRecord(2, "b.example.com"))
        found = judge_mx(PublishedMX("example.com", Reply(Found.RECORDS, records), hosts), bool)
        verdicts = [each.verdict for each in found]
        self.assertEqual([Verdict.OK, U, W], verdicts)


_TEXTS = strategies.builds(
    bytes.__add__,
    strategies.sampled_from([b"", b"v=spf1 ", b"v=DMARC1; ", b"v=STSv1; ", b"v=TLSRPTv1; "]),
    strategies.binary(max_size=60) | strategies.text("apluxid=:;/-~?+%{}. 1").map(str.encode),
)


class HostileTests(DomainCase):
    """Records and files of any content."""

    @given(strategies.lists(_TEXTS, max_size=3), strategies.binary(max_size=60))
    def test_any_content_is_judged(self, texts: list[bytes], body: bytes) -> None:
        changes = dict.fromkeys((_SPF, _DMARC, _STS, _RPT), texts)
        for files in (policy(body), policy(POLICY + body)):
            results = self.results(changes, files)
            self.faults(results)
            self.assertFalse(any(result.broken for result in results))


class ThisHostTests(DomainCase):
    """The result of the SPF record of another domain for this host."""

    def test_the_result_is_said(self) -> None:
        for address, result in (("1.2.3.4", "pass"), ("8.8.8.8", "fail")):
            found = answered(check_spf("example.com", [address], "mail.example.org"), RIGHT)
            text = f"it says {result} for {address}, an address of this host"
            self.assertEqual([text], [each.seen.split("; ")[1] for each in found])
