"""Results and limits of checks; the cases of the openspf suite are in test_suite."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.dns import Found, MXRecord, Question
from mailhost.spf.check import SPFResult, check_hello, check_mail_from
from tests.lookups import answered

Zone = dict[tuple[str, str], Any]


class CheckCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.zone: Zone = {}
        self.asked: list[Question[Any]] = []

    def check(self, record: str, ip: str = "192.0.2.1", sender: str = "ann@a.example") -> SPFResult:
        self.asked.clear()
        self.zone["TXT", "a.example"] = [b"v=spf1 " + record.encode()]
        return answered(check_mail_from(ip, sender, "mx.h.example"), self.zone, self.asked)

    def assertStatus(self, wanted: str, record: str, reason: str = "", **more: Any) -> None:
        result = self.check(record, **more)
        self.assertEqual(result.status.value, wanted, result)
        self.assertIn(reason, result.reason)


class Identities(CheckCase):
    def test_the_null_reverse_path_is_postmaster_at_the_name_in_helo(self) -> None:
        self.zone["TXT", "mx.h.example"] = [b"v=spf1 exists:%{l}.%{o}.x.example -all"]
        self.zone["A", "postmaster.mx.h.example.x.example"] = ["127.0.0.2"]
        for machine in (
            check_mail_from("192.0.2.1", "", "mx.h.example"),
            check_hello("192.0.2.1", "mx.h.example"),
        ):
            result = answered(machine, self.zone)
            self.assertEqual((result.status.value, result.domain), ("pass", "mx.h.example"))

    def test_names_that_cannot_have_a_record(self) -> None:
        for name in ("", "localhost", "[192.0.2.1]", "a" * 64 + ".example", "a..b", "a b.c", "ä.b"):
            result = answered(check_hello("192.0.2.1", name), {}, self.asked)
            self.assertEqual((result.status.value, self.asked), ("none", []), name)
        long = ".".join("a" * 512)
        self.assertEqual(answered(check_hello("192.0.2.1", long), {}).status.value, "none")

    def test_an_ipv4_address_inside_ipv6(self) -> None:
        self.assertStatus("pass", "ip4:192.0.2.1 -all", ip="::ffff:192.0.2.1")


class Results(CheckCase):
    def test_the_mechanism_that_matched(self) -> None:
        result = self.check("ip4:192.0.2.9 ~ip4:192.0.2.0/24 -all")
        self.assertEqual((result.status.value, result.mechanism), ("softfail", "~ip4:192.0.2.0/24"))

    def test_failures_for_now(self) -> None:
        for record, name in (
            ("a", ("A", "a.example")),
            ("mx", ("MX", "a.example")),
            ("include:b.example", ("TXT", "b.example")),
            ("redirect=b.example", ("TXT", "b.example")),
            ("exists:b.example", ("A", "b.example")),
        ):
            self.zone = {name: Found.FAILED}
            self.assertStatus("temperror", f"{record}", reason="could not be looked up")

    def test_a_name_that_fails_to_lead_back_is_passed_over(self) -> None:
        self.zone["PTR", "1.2.0.192.in-addr.arpa"] = ["one.a.example", "two.a.example"]
        self.zone["A", "one.a.example"] = Found.FAILED
        self.assertStatus("fail", "ptr -all")
        self.zone["A", "two.a.example"] = ["192.0.2.1"]
        self.assertStatus("pass", "ptr -all")
        self.zone["PTR", "1.2.0.192.in-addr.arpa"] = Found.FAILED
        self.assertStatus("fail", "ptr -all")

    def test_the_explanation_of_the_domain(self) -> None:
        self.zone["TXT", "e.a.example"] = [b"%{i} is not one of ours: https://a.example/?%{S}"]
        result = self.check("-all exp=e.%{d}")
        text = "192.0.2.1 is not one of ours: https://a.example/?ann%40a.example"
        self.assertEqual(result.explanation, text)
        self.assertEqual(self.check("~all exp=e.%{d}").explanation, "")

    def test_explanations_that_cannot_be_used(self) -> None:
        for found in ([], Found.FAILED, [b"a", b"b"], ["é".encode()], [b"%{z}"], [b"a\r\nb"]):
            self.zone["TXT", "e.a.example"] = found
            self.assertEqual(self.check("-all exp=e.%{d}").explanation, "")
        self.zone["TXT", "e.a.example"] = [b"x" * 60_000]
        self.assertEqual(len(self.check("-all exp=e.%{d}").explanation), 500)

    def test_a_name_in_helo_does_not_reach_the_log_as_it_is(self) -> None:
        self.zone["TXT", "a.example"] = [b"v=spf1 exists:%{h}.%{d}"]
        self.zone["A", "x\r\ny.a.example"] = Found.FAILED
        machine = check_mail_from("192.0.2.1", "ann@a.example", "x\r\ny")
        result = answered(machine, self.zone)
        self.assertEqual(result.reason, "x??y.a.example could not be looked up")

    def test_several_records(self) -> None:
        self.zone["TXT", "b.example"] = [b"v=spf1 -all", b"v=spf1 +all", b"other"]
        self.assertStatus("permerror", "include:b.example", "several SPF records")


class Limits(CheckCase):
    def test_a_loop(self) -> None:
        for record in ("include:a.example", "redirect=a.example", "include:%{d}"):
            self.assertStatus("permerror", record, "more than 10 terms")
            self.assertLessEqual(len(self.asked), 11)

    def test_ten_terms(self) -> None:
        for number in range(11):
            self.zone["A", f"a{number}.example"] = ["192.0.2.9"]
        terms = [f"a:a{number}.example" for number in range(11)]
        self.assertStatus("fail", " ".join(terms[:10]) + " -all")
        self.assertStatus("permerror", " ".join(terms) + " -all", "more than 10 terms")

    def test_two_void_lookups(self) -> None:
        self.assertStatus("fail", "a:b.example exists:c.example -all")
        record = "a:b.example mx:c.example exists:d.example -all"
        self.assertStatus("permerror", record, "more than 2 look-ups")

    def test_ten_mx_hosts(self) -> None:
        self.zone["MX", "a.example"] = [MXRecord(1, f"m{number}.example") for number in range(11)]
        self.assertStatus("permerror", "mx -all", "more than 10 MX")

    def test_a_null_mx_has_no_address(self) -> None:
        self.zone["MX", "a.example"] = [MXRecord(0, "")]
        self.assertStatus("fail", "mx -all")

    def test_names_of_the_client_are_looked_up_once(self) -> None:
        names = [f"n{number}.example" for number in range(50)]
        self.zone["PTR", "1.2.0.192.in-addr.arpa"] = names
        self.assertStatus("fail", "ptr:b.example ptr:c.example exists:%{p}.d.example -all")
        self.assertEqual(len([each for each in self.asked if each.kind == "PTR"]), 1)
        self.assertEqual(len([each for each in self.asked if each.name in names]), 10)
