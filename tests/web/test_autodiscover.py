"""Set-up of Outlook, by both versions of autodiscover."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from mailhost.web.autodiscover import json_page, xml_page
from mailhost.web.autodiscover.json_page import JSONPage
from mailhost.web.autodiscover.response import NAMESPACE, OUTLOOK
from mailhost.web.autodiscover.xml_page import XMLPage
from mailhost.web.values import WebResponse
from tests.web.serving import OFFERS, TIME, get, hosts, https, issued
from tests.web.test_autodiscover_request import BOMB, MOBILE, REAL, request

ERROR = b"""<?xml version='1.0' encoding='utf-8'?>
<Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">\
<Response><Error Time="12:51:36.903000" Id="1"><ErrorCode>600</ErrorCode>\
<Message>Invalid Request: it names no address</Message><DebugData />\
</Error></Response></Autodiscover>"""


class XMLTests(SynchronousTestCase):
    def post(self, body: bytes) -> WebResponse:
        page = XMLPage(OFFERS, hosts(), lambda: TIME)
        request = replace(get("autodiscover.example.org", xml_page.PATH), method="POST", body=body)
        return page(request, hosts().find(request.host))

    def root(self, response: WebResponse) -> ElementTree.Element:
        self.assertEqual((response.code, response.kind), (200, "text/xml; charset=utf-8"))
        return ElementTree.fromstring(response.body)

    def error(self, response: WebResponse) -> str:
        """The code of the error."""
        found = self.root(response).find(f"{{{NAMESPACE}}}Response/{{{NAMESPACE}}}Error")
        assert found is not None
        return found.findtext(f"{{{NAMESPACE}}}ErrorCode", "")

    def test_the_settings_of_all_services(self) -> None:
        account = self.root(self.post(REAL)).find(f"{{{OUTLOOK}}}Response/{{{OUTLOOK}}}Account")
        assert account is not None
        texts = {each.tag.partition("}")[2]: each.text for each in account}
        self.assertEqual(texts["AccountType"], "email")
        self.assertEqual(texts["Action"], "settings")
        protocols = [
            tuple(
                each.findtext(f"{{{OUTLOOK}}}{name}")
                for name in ("Type", "Server", "Port", "Encryption", "LoginName", "SSL")
            )
            for each in account.iter(f"{{{OUTLOOK}}}Protocol")
        ]
        expected = (
            ("IMAP", "993", "SSL"),
            ("IMAP", "143", "TLS"),
            ("POP3", "995", "SSL"),
            ("POP3", "110", "TLS"),
            ("SMTP", "465", "SSL"),
            ("SMTP", "587", "TLS"),
        )
        self.assertEqual(
            protocols,
            [
                (kind, "mx.example.org", port, tls, "ann@example.org", "on")
                for kind, port, tls in expected
            ],
        )

    def test_errors(self) -> None:
        for body, code in (
            (b"", "600"),
            (BOMB, "600"),
            (REAL.replace(b"ann@example.org", b""), "600"),
            (MOBILE, "601"),
            (REAL.replace(b"example.org<", b"far.example<"), "500"),
            (REAL.replace(b"ann@example.org", b"ann"), "500"),
        ):
            self.assertEqual(self.error(self.post(body)), code, body)

    def test_an_error_in_full(self) -> None:
        self.assertEqual(self.post(REAL.replace(b"ann@example.org", b" ")).body, ERROR)

    def test_a_request_without_a_schema(self) -> None:
        body = request("a@example.net")
        self.assertIn(b"<LoginName>a@example.net</LoginName>", self.post(body).body)

    def test_special_characters_are_escaped(self) -> None:
        body = REAL.replace(b"ann@", b"a&amp;b@")
        self.assertIn(b"<LoginName>a&amp;b@example.org</LoginName>", self.post(body).body)

    def test_nothing_shows_whether_an_account_exists(self) -> None:
        answers = {
            self.post(REAL.replace(b"ann@", name + b"@")).body.replace(name, b"")
            for name in (b"ann", b"zoe", b"postmaster")
        }
        self.assertEqual(len(answers), 1)

    def test_get(self) -> None:
        page = XMLPage(OFFERS, hosts(), lambda: TIME)
        request = get("example.org", xml_page.PATH)
        self.assertEqual(self.error(page(request, None)), "600")
        response = page(replace(request, query={"email": "ann@example.org"}), None)
        self.assertIn(b"<LoginName>ann@example.org</LoginName>", response.body)


class JSONTests(SynchronousTestCase):
    def ask(self, path: str = json_page.PATHS[0], **query: str) -> tuple[int, dict[str, str]]:
        page = JSONPage(hosts(), https(issued("mx.example.org")))
        query = {name.lower(): value for name, value in query.items()}
        response = page(get("autodiscover.example.net", path, **query), None)
        self.assertEqual(response.kind, "application/json")
        return response.code, json.loads(response.body)

    def test_the_address_of_the_first_version(self) -> None:
        expected = {
            "Protocol": "AutodiscoverV1",
            "Url": "https://mx.example.org/autodiscover/autodiscover.xml",
        }
        for query in (
            {"Email": "ann@example.net", "Protocol": "AutodiscoverV1", "RedirectCount": "1"},
            {"email": "ann@example.net", "protocol": "autodiscoverv1"},
        ):
            self.assertEqual(self.ask(**query), (200, expected))
        path = "/autodiscover/autodiscover.json/v1.0/ann%40example.net"
        self.assertEqual(self.ask(path, Protocol="AutodiscoverV1"), (200, expected))

    def test_errors(self) -> None:
        for query, code, name in (
            ({}, 400, "MandatoryParameterMissing"),
            ({"Protocol": "AutodiscoverV1"}, 400, "MandatoryParameterMissing"),
            ({"Email": "ann@example.org"}, 400, "MandatoryParameterMissing"),
            ({"Email": "ann@example.org", "Protocol": "ActiveSync"}, 400, "InvalidProtocol"),
            ({"Email": "ann@far.example", "Protocol": "AutodiscoverV1"}, 404, "UserNotFound"),
        ):
            answer, found = self.ask(**query)
            self.assertEqual((answer, found["ErrorCode"]), (code, name), query)
