"""Set-up of Thunderbird."""

from __future__ import annotations

from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from mailhost.web.autoconfig import PATHS, AutoconfigPage, autoconfig
from mailhost.web.offers import Offer, Offers
from mailhost.web.values import WebResponse
from tests.web.serving import OFFERS, get, hosts

EXPECTED = b"""<?xml version='1.0' encoding='UTF-8'?>
<clientConfig version="1.1"><emailProvider id="example.org"><domain>example.org</domain>\
<displayName>example.org</displayName><displayShortName>example.org</displayShortName>\
<incomingServer type="imap"><hostname>mx.example.org</hostname><port>993</port>\
<socketType>SSL</socketType><username>%EMAILADDRESS%</username>\
<authentication>password-cleartext</authentication></incomingServer>\
<outgoingServer type="smtp"><hostname>mx.example.org</hostname><port>587</port>\
<socketType>STARTTLS</socketType><username>%EMAILADDRESS%</username>\
<authentication>password-cleartext</authentication></outgoingServer>\
</emailProvider></clientConfig>"""


class AutoconfigTests(SynchronousTestCase):
    def ask(self, host: str, address: str | None = None) -> WebResponse:
        page = AutoconfigPage(OFFERS, hosts())
        query = {} if address is None else {"emailaddress": address}
        return page(get(host, PATHS[0], **query), hosts().find(host))

    def domain(self, host: str, address: str | None = None) -> str:
        """The domain that a program is set up for."""
        response = self.ask(host, address)
        self.assertEqual((response.code, response.kind), (200, "text/xml; charset=utf-8"))
        return ElementTree.fromstring(response.body)[0].attrib["id"]

    def test_the_whole_document(self) -> None:
        reading, sending = (Offer("imap", 993, True),), (Offer("smtp", 587, False),)
        found = autoconfig(Offers("mx.example.org", reading, sending), "example.org")
        self.assertEqual(found, EXPECTED)

    def test_services_in_their_order(self) -> None:
        provider = ElementTree.fromstring(self.ask("autoconfig.example.org").body)[0]
        servers = [
            tuple(server.findtext(name) for name in ("port", "socketType"))
            for server in provider.iter()
            if "Server" in server.tag
        ]
        self.assertEqual(
            servers,
            [
                ("993", "SSL"),
                ("143", "STARTTLS"),
                ("995", "SSL"),
                ("110", "STARTTLS"),
                ("465", "SSL"),
                ("587", "STARTTLS"),
            ],
        )

    def test_the_domain_is_that_of_the_address_or_of_the_name(self) -> None:
        for host, address, domain in (
            ("autoconfig.example.net", "ann@example.net", "example.net"),
            ("autoconfig.example.org", "ann@example.net", "example.net"),
            ("example.net", None, "example.net"),
            ("example.net", "", "example.net"),
            ("mx.example.org", None, "example.org"),
            ("mx.example.org", "bob@Alias.example", "alias.example"),
        ):
            self.assertEqual(self.domain(host, address), domain)

    def test_the_answer_is_the_same_for_all_addresses_of_a_domain(self) -> None:
        first, second = (self.ask("example.org", f"{name}@example.org") for name in ("ann", "zoe"))
        self.assertEqual(first, second)

    def test_other_addresses(self) -> None:
        for address in ("ann@far.example", "ann", "@example.org", "<x>", '"\x01"@example.org'):
            self.assertEqual(self.ask("autoconfig.example.org", address).code, 404, address)
