"""The table of routes, and the answers without a page."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailhost.interfaces.challenges import IHTTPChallenges
from mailhost.web import challenge
from mailhost.web.challenge import ChallengePage
from mailhost.web.hosts import HostKind, WebHost
from mailhost.web.routes import ANY_HOST, Route, Routes
from mailhost.web.values import WebRequest, WebResponse, text_response
from tests.fakes import RecordingEvents
from tests.web.serving import get, hosts, https


def page(request: WebRequest, host: WebHost | None) -> WebResponse:
    """A page that shows what it was asked."""
    return text_response(200, f"{request.path} of {host}")


@implementer(IHTTPChallenges)
class OneToken:
    """Has one token."""

    def key_authorization(self, token: str) -> bytes | None:
        return b"tOken.thumbprint" if token == "tOken" else None


class RoutesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.events = RecordingEvents()
        table = {
            "/any": Route(page, ANY_HOST),
            "/one": Route(page, frozenset({HostKind.DOMAIN}), ("GET", "HEAD", "POST")),
            "/below/": Route(page, ANY_HOST),
            challenge.PATH: Route(ChallengePage(OneToken()), ANY_HOST),
        }
        self.routes = Routes(table, hosts(), https(), self.events)

    def ask(self, host: str, path: str, method: str = "GET") -> WebResponse:
        request = replace(get(host, path), method=method)
        return cast(WebResponse, self.routes.answer(request))

    def test_a_page_is_found_by_host_and_path(self) -> None:
        for host, path, code in (
            ("example.org", "/any", 200),
            ("other.example", "/any", 200),
            ("example.org", "/one", 200),
            ("example.org", "/ONE", 200),
            ("mx.example.org", "/one", 404),
            ("other.example", "/one", 404),
            ("example.org", "/", 404),
            ("example.org", "/two", 404),
            ("example.org", "/one/", 404),
            ("example.org", "/below/x", 200),
            ("example.org", "/below", 404),
            ("example.org", "/below/x/y", 404),
            ("example.org", "*", 404),
        ):
            self.assertEqual(self.ask(host, path).code, code, (host, path))

    def test_pages_are_events_and_other_addresses_are_not(self) -> None:
        for host, path in (("example.org", "/one"), ("example.org", "/"), ("a.example", "/one")):
            self.ask(host, path)
        self.assertEqual(self.events.lines, ["https GET example.org/one from []: 200"])

    def test_unknown_tokens_at_names_of_others_are_no_events(self) -> None:
        for host, token in (("a.example", "probe"), ("a.example", "tOken"), ("example.org", "x")):
            self.ask(host, challenge.PATH + token)
        codes = [line.rpartition(" ")[2] for line in self.events.lines]
        self.assertEqual(codes, ["200", "404"])

    def test_404_says_whether_the_name_or_the_page_is_unknown(self) -> None:
        self.assertIn(b"does not serve the name", self.ask("other.example", "/").body)
        self.assertIn(b"has no page", self.ask("example.org", "/").body)

    def test_methods(self) -> None:
        for path, method, code, allowed in (
            ("/one", "HEAD", 200, None),
            ("/one", "POST", 200, None),
            ("/any", "POST", 405, "GET, HEAD, OPTIONS"),
            ("/one", "TRACE", 405, "GET, HEAD, POST, OPTIONS"),
            ("/one", "OPTIONS", 204, "GET, HEAD, POST, OPTIONS"),
            ("*", "OPTIONS", 204, "GET, HEAD, OPTIONS"),
            ("/two", "POST", 404, None),
            ("/one", "BREW", 501, None),
            ("/one", "get", 501, None),
        ):
            response = self.ask("example.org", path, method)
            self.assertEqual(response.code, code, (path, method))
            self.assertEqual(dict(response.headers).get("Allow"), allowed)

    def test_challenges_of_acme(self) -> None:
        for host in ("example.org", "other.example"):
            response = self.ask(host, "/.well-known/acme-challenge/tOken")
            self.assertEqual((response.code, response.body), (200, b"tOken.thumbprint"))
        for token in ("token", "", "a.b", "a" * 257):
            response = self.ask("example.org", f"/.well-known/acme-challenge/{token}")
            self.assertEqual(response.code, 404)
            self.assertIn(b"token of ACME", response.body)

    def test_a_host_without_acme(self) -> None:
        response = ChallengePage(None)(get("example.org", challenge.PATH + "tOken"), None)
        self.assertEqual(response.code, 404)
