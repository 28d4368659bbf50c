"""The records of a plan."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailhost.dns_records.facts import AddressSource, DomainFacts, HostAddresses
from mailhost.dns_records.plan import make_plan
from mailhost.dns_records.record import DNSPlan, Topic
from mailhost.interfaces.signing import KeyState
from mailhost.message.address import parse_address
from tests.dns_records.facts import HOST, OWN, RSA, key


def rows(plan: DNSPlan, *topics: Topic) -> list[tuple[str, str, str]]:
    """The records of some topics, in short."""
    return [(r.name, r.kind, r.data) for r in plan.records if r.topic in topics]


class PlanTests(SynchronousTestCase):
    """The records that a domain needs."""

    def test_all_records_of_a_domain(self) -> None:
        plan = make_plan(HOST, OWN)
        v6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
        addresses = "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1"
        self.assertEqual(
            [
                ("example.com", "MX", "10 mail.example.com."),
                ("mail.example.com", "A", "192.0.2.1"),
                ("mail.example.com", "AAAA", "2001:db8::1"),
                ("1.2.0.192.in-addr.arpa", "PTR", "mail.example.com."),
                (v6, "PTR", "mail.example.com."),
                ("example.com", "TXT", f"{addresses} ~all"),
                ("mail.example.com", "TXT", f"{addresses} -all"),
                ("r1._domainkey.example.com", "TXT", RSA),
                ("_dmarc.example.com", "TXT", "v=DMARC1; p=none"),
                ("_submissions._tcp.example.com", "SRV", "0 1 465 mail.example.com."),
                ("_pop3s._tcp.example.com", "SRV", "10 1 995 mail.example.com."),
            ],
            rows(plan, *Topic),
        )

    def test_the_hosts_own_name_receives_no_mail(self) -> None:
        plan = make_plan(HOST, DomainFacts("mail.example.com", receives=False))
        self.assertEqual([], rows(plan, Topic.MAIL, Topic.SERVICE))
        spf = [("mail.example.com", "TXT", "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all")]
        self.assertEqual(spf, rows(plan, Topic.SPF))
        self.assertEqual("_dmarc.mail.example.com", plan.about(Topic.DMARC)[0].name)

    def test_a_domain_that_is_the_hosts_name_has_one_spf_record(self) -> None:
        host = replace(HOST, receives=True, spf=("include:_spf.isp.example",))
        text = "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 include:_spf.isp.example ~all"
        record = ("mail.example.com", "TXT", text)
        plan = make_plan(host, DomainFacts("mail.example.com", spf=host.spf))
        self.assertEqual([record], rows(plan, Topic.SPF))
        self.assertEqual(record, rows(make_plan(host, OWN), Topic.SPF)[1])

    def test_source_addresses_and_routes_are_in_spf(self) -> None:
        host = replace(HOST, senders=("198.51.100.7", "192.0.2.1"))
        plan = make_plan(host, replace(OWN, spf=("include:_spf.isp.example",)))
        self.assertEqual(
            "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 ip4:198.51.100.7 include:_spf.isp.example ~all",
            plan.about(Topic.SPF)[0].data,
        )

    def test_a_route_without_a_known_mechanism_is_a_note(self) -> None:
        plan = make_plan(HOST, replace(OWN, unknown_routes=("smtp.isp.example",)))
        self.assertIn("Mail of the domain leaves through smtp.isp.example.", plan.notes[0])

    def test_keys_by_state(self) -> None:
        states = [KeyState.COMING, KeyState.ACTIVE, KeyState.RETIRED, KeyState.REMOVABLE]
        keys = tuple(key(state, state.value) for state in states)
        plan = make_plan(HOST, replace(OWN, keys=keys))
        dkim = plan.about(Topic.DKIM)
        names = [f"{name}._domainkey.example.com" for name in ("coming", "active", "retired")]
        self.assertEqual(names, [record.name for record in dkim])
        self.assertIn("the RSA key that signs once DNS shows it", dkim[0].purpose)
        self.assertIn("removable._domainkey.example.com is no longer used", plan.notes[0])

    def test_a_domain_without_keys(self) -> None:
        plan = make_plan(HOST, replace(OWN, keys=()))
        self.assertIn("`mailhost dkim make example.com` at once", plan.notes[0])
        self.assertIn("is not signed", make_plan(HOST, replace(OWN, keys=(), signer="")).notes[0])

    def test_an_address_for_reports(self) -> None:
        inside = make_plan(HOST, replace(OWN, reports=parse_address("dmarc@example.com")))
        self.assertEqual(
            "v=DMARC1; p=none; rua=mailto:dmarc@example.com", inside.about(Topic.DMARC)[0].data
        )
        self.assertEqual([], inside.about(Topic.REPORTS))
        outside = make_plan(HOST, replace(OWN, reports=parse_address("dmarc@example.net")))
        consent = [("example.com._report._dmarc.example.net", "TXT", "v=DMARC1")]
        self.assertEqual(consent, rows(outside, Topic.REPORTS))

    def test_an_address_with_letters_that_mean_something_in_a_list(self) -> None:
        plan = make_plan(HOST, replace(OWN, reports=parse_address("a!b+c@example.com")))
        data = plan.about(Topic.DMARC)[0].data
        self.assertEqual("v=DMARC1; p=none; rua=mailto:a%21b+c@example.com", data)

    def test_a_policy_of_the_domain_above(self) -> None:
        own = DomainFacts("mail.example.com", receives=False, policy_of="example.com")
        plan = make_plan(HOST, own)
        self.assertEqual([], plan.about(Topic.DMARC))
        self.assertIn("The DMARC record of example.com applies", plan.notes[-1])
        plan = make_plan(HOST, replace(own, reports=parse_address("dmarc@example.com")))
        self.assertEqual(1, len(plan.about(Topic.DMARC)))

    def test_unknown_addresses(self) -> None:
        host = replace(HOST, addresses=HostAddresses((), AddressSource.UNKNOWN))
        plan = make_plan(host, OWN)
        self.assertEqual([], rows(plan, Topic.ADDRESS, Topic.REVERSE))
        self.assertEqual("v=spf1 a:mail.example.com ~all", plan.about(Topic.SPF)[0].data)
        self.assertIn("[dns] addresses", plan.notes[0])
