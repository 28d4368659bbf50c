"""The whole table: which page is at which name, and how it answers by HTTP."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase

from mailhost.concurrency.answers import result_of
from mailhost.config.model import Settings
from mailhost.net.tls.certificate import CertificateFiles, current_time
from mailhost.web.https import HSTS
from mailhost.web.routes import Routes
from mailhost.web.table import Parts, make_table
from mailhost.web.values import WebRequest, WebResponse
from tests.fakes import RecordingEvents, now
from tests.web.serving import get, hosts, https, issued
from tests.web.test_autodiscover_request import REAL

SETTINGS = Settings(version=1, hostname="mx.example.org", data="/d")
NAMES = ("mx.example.org", "example.net", "mail.example.net", "autoconfig.example.net")
PATHS = (
    "/mail/config-v1.1.xml",
    "/.well-known/autoconfig/mail/config-v1.1.xml",
    "/autodiscover/autodiscover.xml",
    "/AutoDiscover/AutoDiscover.XML",
    "/autodiscover/autodiscover.json",
    "/autodiscover/autodiscover.json/v1.0/ann@example.net",
    "/apple",
    "/apple/profile",
    "/apple/example.net.mobileconfig",
)
QUERY = {"email": "ann@example.net", "protocol": "AutodiscoverV1"}


class TableTests(SynchronousTestCase):
    def routes(self, *certificates: CertificateFiles) -> Routes:
        """The routes of a host with these certificates."""
        known = https(*certificates)
        in_thread: Any = lambda work: succeed(work())  # noqa: E731
        parts = Parts(SETTINGS, hosts(), known, lambda: certificates, None, in_thread, current_time)
        return Routes(make_table(parts), hosts(), known, RecordingEvents())

    def ask(self, routes: Routes, request: WebRequest) -> WebResponse:
        return now(result_of(routes.answer(request)))

    def test_pages_of_mail_programs_are_at_all_names_but_one(self) -> None:
        routes = self.routes(issued("mx.example.org"))
        for path in PATHS:
            for name in (*NAMES, "autodiscover.alias.example"):
                self.assertEqual(self.ask(routes, get(name, path, **QUERY)).code, 200, (name, path))
            for name in ("mta-sts.example.net", "www.example.net", "far.example"):
                self.assertEqual(self.ask(routes, get(name, path, **QUERY)).code, 404, (name, path))

    def test_the_policy_is_at_one_name(self) -> None:
        routes = self.routes()
        path = "/.well-known/mta-sts.txt"
        self.assertEqual(self.ask(routes, get("mta-sts.example.net", path)).code, 200)
        for name in NAMES:
            self.assertEqual(self.ask(routes, get(name, path)).code, 404, name)

    def test_outlook_posts_its_request(self) -> None:
        request = replace(get(NAMES[0], PATHS[3]), method="POST", body=REAL)
        self.assertIn(b"<Type>IMAP</Type>", self.ask(self.routes(), request).body)

    def test_by_http(self) -> None:
        good = self.routes(issued("mx.example.org", "*.example.net"))
        own_name = self.routes(issued("mx.example.org"))
        for path, with_good, with_own_name in (
            ("/mail/config-v1.1.xml", "https://autoconfig.example.net", ""),
            (
                "/autodiscover/autodiscover.xml",
                "https://autoconfig.example.net",
                "https://mx.example.org",
            ),
            ("/apple", "https://autoconfig.example.net", "https://autoconfig.example.net"),
        ):
            request = replace(get("autoconfig.example.net", path), secure=False)
            for routes, expected in ((good, with_good), (own_name, with_own_name)):
                response = self.ask(routes, request)
                location = dict(response.headers).get("Location", "")
                self.assertEqual(location, expected and f"{expected}{path}")
                self.assertEqual(response.code, 302 if expected else 200)
        challenge = replace(get("mx.example.org", "/.well-known/acme-challenge/x"), secure=False)
        self.assertEqual(self.ask(good, challenge).code, 404)

    def test_each_response_by_https_has_the_field_for_browsers(self) -> None:
        routes = self.routes(issued("mx.example.org", "example.net"))
        for name, path in (("mx.example.org", "/"), ("example.net", "/apple/profile")):
            self.assertIn(HSTS, self.ask(routes, get(name, path)).headers)
        self.assertNotIn(HSTS, self.ask(routes, get("mail.example.net", "/")).headers)
