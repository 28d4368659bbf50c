"""`mailhost tls-report`."""

from __future__ import annotations

import json
import os

from mailhost.tls_reports.read import read_report
from mailhost.tls_reports.received import ReceivedReport, keep_report
from tests.cli.bench import CommandCase
from tests.tls_reports.samples import about

SINCE = ("--since", "2016-01-01")


class TLSReportTests(CommandCase):
    """The command."""

    def setUp(self) -> None:
        super().setUp()
        self.settings("")
        os.makedirs(self.data, exist_ok=True)

    def keep(self, domain: str, signer: str) -> None:
        """Keep a report about a domain."""
        keep_report(self.data, ReceivedReport(signer, read_report(about(domain))))

    def test_no_reports(self) -> None:
        printed = self.run_ok("tls-report", "example.org")
        self.assertIn("no reports about example.org\nset tls_reports to an address", printed)
        self.settings('[tls_reports]\naddresses = { "example.org" = "t@example.org" }\n')
        self.assertEqual("no reports about example.org\n", self.run_ok("tls-report", "example.org"))
        self.assertEqual("no reports\n", self.run_ok("tls-report"))

    def test_one_domain(self) -> None:
        self.keep("example.org", "far.net")
        self.keep("blue.com", "far.net")
        printed = self.run_ok("tls-report", "example.org", *SINCE)
        self.assertIn(
            "example.org  2016-04-01 to 2016-04-01, 5629 sessions, 303 failed\n"
            "policy  sts, mode testing: 5326 succeeded, 303 failed, last 2016-04-01\n",
            printed,
        )
        self.assertRegex(printed, r"Company-X \(far\.net\) +2016-04-01 +sts, mode testing +5326")
        self.assertIn("certificate-expired: 100 sessions, last 2016-04-01\n", printed)
        self.assertIn("  meaning     the certificate of an MX host had expired\n", printed)
        self.assertIn("  MX hosts    mx1.mail.example.org (100)\n", printed)
        self.assertIn("  from        2001:db8:abcd:0012::1 (100)\n", printed)
        self.assertIn("  to do       renew the certificate; `mailhost doctor example.org`", printed)
        self.assertIn("  reasons     X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED (3)\n", printed)
        self.assertNotIn("blue.com", printed)
        self.assertEqual(
            "no reports about example.org", self.run_ok("tls-report", "example.org").split("\n")[0]
        )

    def test_all_domains_as_json(self) -> None:
        self.keep("example.org", "far.net")
        self.keep("blue.com", "far.net")
        self.keep("blue.com", "red.net")
        blue, org = json.loads(self.run_ok("tls-report", *SINCE, "--json"))
        self.assertEqual(("blue.com", 10652, 606), tuple(blue[key] for key in KEYS))
        self.assertEqual(("example.org", 5326, 303), tuple(org[key] for key in KEYS))
        self.assertEqual(["far.net", "red.net"], [each["signer"] for each in blue["reports"]])
        (policy,) = org["reports"][0]["policies"]
        self.assertEqual(("sts", "example.org"), (policy["type"], policy["domain"]))
        self.assertEqual(3, len(policy["details"]))
        self.assertEqual("starttls-not-supported", org["results"][0]["result"])

    def test_control_characters(self) -> None:
        report = about("example.org", **{"organization-name": "\x1b[2Jx"})
        keep_report(self.data, ReceivedReport("far.net", read_report(report)))
        for more in ((), ("--json",)):
            self.assertNotIn("\x1b", self.run_ok("tls-report", *SINCE, *more))


KEYS = ("domain", "successes", "failures")
