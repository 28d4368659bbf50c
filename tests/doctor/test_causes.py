"""Findings that another finding explains."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.causes import sift
from mailhost.doctor.finding import Fault, Finding, failure, ok, unknown, warning

NO_ROUTE = Fault("no-default-route", "why")
SILENT = Fault("resolver-silent", "why", (NO_ROUTE,))
UNANSWERED = Fault("dns-unanswered", "why", (SILENT,))

no_route = failure(NO_ROUTE, "default route", "there is none", "remedy")
silent = failure(SILENT, "DNS server 192.0.2.53", "no answer", "remedy")
no_name = unknown(UNANSWERED, "addresses of mx.example.com", "no answer", "remedy")
no_records = unknown(UNANSWERED, "DNS records of example.com", "no answer", "remedy")


class SiftTests(SynchronousTestCase):
    def names(self, *findings: Finding) -> list[str]:
        """The names of the findings that are kept, where each is of a check of its own."""
        return [each.name for some in sift([[each] for each in findings]) for each in some.kept]

    def test_a_finding_that_nothing_explains_is_kept(self) -> None:
        self.assertEqual(["doctor/dns-unanswered", ""], self.names(no_name, ok("a", "b")))

    def test_a_finding_is_left_out_beside_its_cause(self) -> None:
        [first, second] = sift([[no_name, ok("a", "b")], [silent]])
        self.assertEqual(([ok("a", "b")], [no_name]), (first.kept, first.left_out))
        self.assertEqual(["doctor/resolver-silent"], [each.name for each in second.kept])

    def test_the_cause_names_what_it_explains(self) -> None:
        [_, _, third] = sift([[no_name], [no_records], [silent]])
        self.assertEqual(
            "no answer. This explains what was found about: addresses of mx.example.com; DNS "
            "records of example.com",
            third.kept[0].seen,
        )

    def test_the_first_cause_of_a_chain(self) -> None:
        found = sift([[no_name], [silent], [no_route]])
        self.assertEqual(
            ["doctor/no-default-route"], [each.name for some in found for each in some.kept]
        )
        self.assertIn("addresses of mx.example.com; DNS server", found[2].kept[0].seen)

    def test_a_warning_explains_nothing(self) -> None:
        """One of several DNS servers is silent, and the others answer."""
        some = warning(SILENT, "DNS server 192.0.2.53", "no answer", "remedy")
        self.assertEqual(
            ["doctor/resolver-silent", "doctor/dns-unanswered"], self.names(some, no_name)
        )
