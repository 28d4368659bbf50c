"""Certificates of the web listener for names of the domains."""

from __future__ import annotations

import os
from typing import Any, cast

from twisted.internet.task import Clock

from mailhost.config.load import Loaded
from mailhost.dns_records.from_settings import domain_facts
from mailhost.dns_records.own_domain import OwnDomain
from mailhost.doctor.context import DoctorContext, OwnDomains
from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.host.domain_certificates import domain_certificates_check
from tests.authority import Authority
from tests.doctor.host.case import LISTEN, HostCase, found_by
from tests.queue.fakes import here
from tests.relay.fake_resolver import FakeResolver

HTTPS = f'{LISTEN}[[listen]]\nprotocol = "https"\nendpoint = "tcp:127.0.0.1:2443"\n'
FILES = '[[tls.certificate]]\nchain = "chain.pem"\nkey = "key.pem"\n'
NAMES = tuple(f"{label}.example.test" for label in ("autoconfig", "autodiscover", "mta-sts"))


class DomainCertificatesTests(HostCase):
    def issue(self, *names: str) -> None:
        pem = Authority.new().issue("mail.example.test", *names)
        for file, octets in (("chain.pem", pem.chain), ("key.pem", pem.key)):
            with open(os.path.join(self.folder, file), "wb") as opened:
                opened.write(octets)

    def found(self, loaded: Loaded, *names: str) -> list[Finding]:
        """The findings if DNS has these names."""
        own = OwnDomain(loaded.settings, domain_facts(loaded.settings, "example.test"), False)
        resolver = FakeResolver(addresses={name: ["192.0.2.1"] for name in names})
        clock, domains = cast(Any, Clock()), OwnDomains((own,))
        context = DoctorContext(clock, here, resolver, loaded, domains)
        return [*found_by(domain_certificates_check(context, loaded.settings))]

    def test_names_without_one(self) -> None:
        self.issue(NAMES[0])
        loaded = self.load(FILES, listen=HTTPS.replace("127.0.0.1:", ""))
        name = "certificate-domain-names"
        found = self.only(self.found(loaded, *NAMES), name, Verdict.WARNING)
        self.assertEqual(f"no certificate is for {NAMES[1]}, {NAMES[2]}", found.seen)
        self.assertEqual(("[tls.acme]", "agree = true"), found.copy)

    def test_names_that_are_not_in_dns_are_left_to_another_check(self) -> None:
        self.issue()
        loaded = self.load(FILES, listen=HTTPS.replace("127.0.0.1:", ""))
        self.assert_fine(self.found(loaded))

    def test_all_have_one(self) -> None:
        self.issue(*NAMES)
        loaded = self.load(FILES, listen=HTTPS.replace("127.0.0.1:", ""))
        (found,) = self.found(loaded, *NAMES)
        self.assertEqual("all names that lead anywhere have one (3 examined)", found.seen)

    def test_no_web_listener(self) -> None:
        self.issue()
        self.assertEqual([], self.found(self.load(FILES), *NAMES))
