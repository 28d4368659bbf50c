"""A domain of a host, with its records at a DNS server on loopback, for commands that ask DNS. They
run as processes of their own, since they run a reactor."""

from __future__ import annotations

import os
import sys
from typing import Any

from twisted.internet import reactor as running_reactor
from twisted.internet.defer import Deferred
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.cli.bench import SETTINGS
from tests.dns_server import DNSServer, Records

reactor: Any = running_reactor

_MAIN = "from mailhost.cli.main import main; main()"
_SPF = "v=spf1 ip4:127.0.0.1 -all"
SERVED: Records = {
    "books.example": [["NS", "mail.example.com"], ["MX", 10, "mail.example.com"], ["TXT", _SPF]],
    "mail.example.com": [["NS", "mail.example.com"], ["A", "127.0.0.1"], ["TXT", _SPF]],
    "1.0.0.127.in-addr.arpa": [["PTR", "mail.example.com"]],
    "_dmarc.books.example": [["TXT", "v=DMARC1; p=none"]],
    "_submissions._tcp.books.example": [["SRV", 0, 1, 465, "mail.example.com"]],
    "_imaps._tcp.books.example": [["SRV", 0, 1, 993, "mail.example.com"]],
    "_pop3s._tcp.books.example": [["SRV", 10, 1, 995, "mail.example.com"]],
}


class ServedDomainCase(TestCase):
    """The domain books.example, whose records are right at first."""

    def setUp(self) -> None:
        self.server = DNSServer(SERVED)
        self.port = self.server.start(reactor)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.server.stop()))
        self.config = os.path.abspath(self.mktemp())
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(SETTINGS.replace('"data"', f'"{self.config}.data"'))
            file.write(f'[dns]\nservers = ["127.0.0.1:{self.port}"]\naddresses = ["127.0.0.1"]\n')
            file.write(f"authority_port = {self.port}\n")
            file.write('[dkim]\nsign = false\n[domain."books.example"]\n')

    def call(self, *arguments: str) -> Deferred[Any]:
        """Start `mailhost`; its output, errors and exit code come."""
        main = ["-c", _MAIN, *arguments]
        environment = dict(os.environ, MAILHOST_CONFIG=self.config)
        called: Deferred[Any] = getProcessOutputAndValue(sys.executable, main, environment)
        return called
