"""`mailhost dmarc`."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from twisted.internet import reactor as running_reactor
from twisted.internet.defer import Deferred
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from mailhost.dmarc_reports.read import read_report
from mailhost.dmarc_reports.received import keep_report
from tests.cli.bench import SETTINGS, CommandCase
from tests.dmarc_reports.samples import NEW, OLD
from tests.dns_server import DNSServer

reactor: Any = running_reactor


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


class NamesTests(TestCase):
    """The command as a process of its own, since it runs a reactor for the names."""

    def setUp(self) -> None:
        server = DNSServer({"25.2.0.192.in-addr.arpa": [["PTR", "mx.example.net"]]})
        port = server.start(reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(server.stop()))
        self.config = os.path.abspath(self.mktemp())
        data = f"{self.config}.data"
        os.mkdir(data)
        keep_report(data, read_report(NEW))
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(SETTINGS.replace('"data"', f'"{data}"'))
            file.write(f'[dns]\nservers = ["127.0.0.1:{port}"]\n')

    async def _names(self) -> None:
        main = "from mailhost.cli.main import main; main()"
        arguments = ["-c", main, "dmarc", "example.org", "--days", "100000", "--json"]
        environment = dict(os.environ, MAILHOST_CONFIG=self.config)
        output, errors, code = await getProcessOutputAndValue(
            sys.executable, arguments, environment
        )
        self.assertEqual(0, code, errors)
        names = {each["address"]: each["name"] for each in json.loads(output)["sources"]}
        self.assertEqual("mx.example.net", names["192.0.2.25"])

    def test_the_servers_of_the_settings_are_asked(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._names())
