"""The policy of MTA-STS on the web listener."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.mta_sts.policy import Mode, parse_policy
from mailhost.web.hosts import HostKind, WebHost
from mailhost.web.sts_policy import PATH, PolicyPage
from tests.mta_sts.test_own import TEXT, settings
from tests.web.serving import get


class PolicyPageTests(SynchronousTestCase):
    def test_each_domain_has_its_own(self) -> None:
        page = PolicyPage(settings(mta_sts={"domain": {"example.net": {"mode": "enforce"}}}))
        for domain, mode in (("example.org", Mode.TESTING), ("example.net", Mode.ENFORCE)):
            host = WebHost(HostKind.MTA_STS, domain)
            response = page(get(f"mta-sts.{domain}", PATH), host)
            self.assertEqual((response.code, response.kind), (200, "text/plain"))
            self.assertIs(parse_policy(response.body).mode, mode)
        self.assertEqual(page(get("", PATH), WebHost(HostKind.MTA_STS, "a.example")).body, TEXT)
