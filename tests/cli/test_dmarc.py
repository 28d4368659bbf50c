"""`mailhost dmarc`."""

from __future__ import annotations

import json
import os

from mailhost.dmarc_reports.read import read_report
from mailhost.dmarc_reports.received import keep_report
from tests.cli.bench import CommandCase
from tests.dmarc_reports.samples import NEW, OLD


class DMARCTests(CommandCase):
    """The command."""

    def setUp(self) -> None:
        super().setUp()
        self.settings("")
        os.makedirs(self.data, exist_ok=True)

    def test_no_reports(self) -> None:
        printed = self.run_ok("dmarc", "example.org", "--no-names")
        self.assertIn("no reports about example.org\nset dmarc_reports", printed)

    def test_reports(self) -> None:
        for xml in (OLD, NEW):
            keep_report(self.data, read_report(xml))
        arguments = ("dmarc", "example.org", "--no-names", "--days", "100000")
        printed = self.run_ok(*arguments)
        self.assertIn("15 messages, reported by Far Mail, old.example", printed)
        self.assertIn("192.0.2.25", printed)
        self.assertIn("not yet", printed)
        (first, second) = json.loads(self.run_ok(*arguments, "--json"))["sources"]
        self.assertEqual((12, 12, 0, 12), tuple(first[key] for key in KEYS))
        self.assertEqual((3, 0, 0, 0), tuple(second[key] for key in KEYS))


KEYS = ("messages", "dkim", "spf", "passed")
