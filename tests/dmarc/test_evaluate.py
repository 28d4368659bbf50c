"""Results: policies, alignment, failures of DNS."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailhost.dmarc.evaluate import DMARCResult, PassingDomains, evaluate
from mailhost.interfaces.dns import Found, Question
from tests.lookups import answered


class EvaluateCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.zone: dict[tuple[str, str], Any] = {}
        self.asked: list[Question[Any]] = []

    def record(self, domain: str, tags: str) -> None:
        self.zone["TXT", f"_dmarc.{domain}"] = [f"v=DMARC1; {tags}".encode()]

    def evaluate(self, author: str, **by: Any) -> DMARCResult:
        self.asked.clear()
        return answered(evaluate(author, PassingDomains(**by)), self.zone, self.asked)

    def assertStatus(self, wanted: str, author: str, **by: Any) -> None:
        result = self.evaluate(author, **by)
        self.assertEqual(result.status.value, wanted, result)


class Policies(EvaluateCase):
    def policy(self, author: str) -> str:
        result = self.evaluate(author)
        self.assertEqual(result.status.value, "fail")
        return f"{result.policy.value} {result.policy_domain}"

    def test_no_record(self) -> None:
        self.assertStatus("none", "a.example", spf="a.example")
        self.record("a.example", "p=block")
        self.assertStatus("none", "a.example", spf="a.example")

    def test_the_record_of_the_author_comes_first(self) -> None:
        self.record("example.com", "p=reject")
        self.record("a.example.com", "p=quarantine; sp=none; t=y")
        self.assertEqual(self.policy("a.example.com"), "quarantine a.example.com")
        self.assertTrue(self.evaluate("a.example.com").testing)

    def test_then_that_of_the_organization(self) -> None:
        self.record("example.com", "p=reject; sp=quarantine; np=none")
        self.record("b.example.com", "p=none")
        self.zone["A", "a.b.example.com"] = ["192.0.2.1"]
        self.assertEqual(self.policy("a.b.example.com"), "quarantine example.com")
        self.assertEqual(self.policy("c.b.example.com"), "none example.com")
        self.assertEqual(self.policy("example.com"), "reject example.com")

    def test_then_that_of_the_public_suffix(self) -> None:
        self.record("bank", "p=reject; sp=quarantine; psd=y")
        self.assertEqual(self.policy("a.example.bank"), "quarantine bank")
        result = self.evaluate("a.example.bank")
        self.assertEqual(result.organizational_domain, "example.bank")

    def test_names_that_do_not_exist(self) -> None:
        self.record("example.com", "p=none; np=reject")
        for kind in ("MX", "A", "AAAA"):
            self.zone = {key: value for key, value in self.zone.items() if key[0] == "TXT"}
            self.zone[kind, "a.example.com"] = ["something"]
            self.assertEqual(self.policy("a.example.com"), "none example.com")
        self.zone["MX", "b.example.com"] = Found.NO_RECORDS
        self.assertEqual(self.policy("b.example.com"), "reject example.com")
        self.zone["MX", "b.example.com"] = Found.FAILED
        self.assertEqual(self.policy("b.example.com"), "none example.com")
        self.assertEqual(self.policy("c.example.com"), "reject example.com")
        self.assertEqual([each.kind for each in self.asked][-1], "MX", "one look-up says so")


class Alignment(EvaluateCase):
    def test_relaxed(self) -> None:
        self.record("example.com", "p=reject")
        for domain in ("a.example.com", "example.com", "b.example.com", "x.a.example.com"):
            self.assertStatus("pass", "a.example.com", dkim=["other.example", domain])
            self.assertStatus("pass", "a.example.com", spf=domain)
        for domain in ("com", "badexample.com", "example.com.evil.example", "other.example"):
            self.assertStatus("fail", "a.example.com", dkim=[domain])

    def test_strict(self) -> None:
        self.record("example.com", "p=reject; adkim=s")
        self.assertStatus("fail", "example.com", dkim=["a.example.com"])
        self.assertStatus("pass", "example.com", spf="a.example.com")
        self.record("example.com", "p=reject; aspf=s")
        self.assertStatus("fail", "example.com", spf="a.example.com")
        self.assertStatus("pass", "example.com", dkim=["a.example.com"])
        self.assertStatus("pass", "example.com", spf="example.com")

    def test_what_is_aligned_is_named(self) -> None:
        self.record("example.com", "p=reject")
        result = self.evaluate(
            "example.com", spf="a.example.com", dkim=["x.example", "b.example.com", "example.com"]
        )
        self.assertEqual(result.spf_aligned, "a.example.com")
        self.assertEqual(result.dkim_aligned, ("b.example.com", "example.com"))

    def test_a_subdomain_may_be_an_organization_of_its_own(self) -> None:
        self.record("example.com", "p=reject")
        self.record("own.example.com", "p=none; psd=n")
        self.assertStatus("fail", "example.com", dkim=["own.example.com", "x.own.example.com"])
        self.assertStatus("pass", "own.example.com", dkim=["x.own.example.com"])

    def test_a_public_suffix_is_not_aligned_with_domains_below_it(self) -> None:
        self.record("bank", "p=reject; psd=y")
        self.assertStatus("fail", "bank", dkim=["evil.bank"])
        self.assertStatus("fail", "good.bank", dkim=["evil.bank", "bank"])
        self.assertStatus("pass", "good.bank", dkim=["mail.good.bank"])

    def test_dns_is_not_asked_about_strangers(self) -> None:
        self.record("example.com", "p=reject")
        self.evaluate("example.com", spf="a.other.example", dkim=["b.other.example"] * 9)
        self.assertEqual(len(self.asked), 2)


class Failures(EvaluateCase):
    def test_of_the_walk(self) -> None:
        self.record("example.com", "p=reject")
        self.zone["TXT", "_dmarc.com"] = Found.FAILED
        self.assertStatus("temperror", "example.com", spf="example.com")

    def test_an_aligned_domain_that_could_not_be_checked(self) -> None:
        self.record("example.com", "p=reject")
        self.assertStatus("temperror", "example.com", dkim_failed=["a.example.com"])
        self.assertStatus("temperror", "example.com", spf_failed="example.com")
        self.assertStatus(
            "fail", "example.com", spf_failed="other.example", dkim_failed=["x.example"]
        )
        self.assertStatus("pass", "example.com", spf_failed="example.com", dkim=["example.com"])

    def test_alignment_that_could_not_be_looked_up(self) -> None:
        self.record("example.com", "p=reject")
        self.zone["TXT", "_dmarc.a.example.com"] = Found.FAILED
        self.assertStatus("temperror", "example.com", dkim=["a.example.com"])
        self.assertStatus("pass", "example.com", dkim=["a.example.com"], spf="example.com")
