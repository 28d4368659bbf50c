"""Set-up of Thunderbird and of the programs that read its format (config-v1.1.xml).

A program asks `autoconfig.DOMAIN/mail/config-v1.1.xml?emailaddress=ADDRESS`, then
`DOMAIN/.well-known/autoconfig/mail/config-v1.1.xml`. It replaces %EMAILADDRESS% itself, so the
answer is the same for all addresses of a domain.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, tostring

from mailhost.web.hosts import WebHost, WebHosts
from mailhost.web.mail_address import domain_of
from mailhost.web.offers import Offer, Offers
from mailhost.web.values import XML, WebRequest, WebResponse, text_response

PATHS = ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml")
_NO_DOMAIN = text_response(404, "This mail host has no domain of that name.")


class AutoconfigPage:
    """`offers` are the services to set up."""

    def __init__(self, offers: Offers, hosts: WebHosts) -> None:
        self._offers = offers
        self._hosts = hosts

    def __call__(self, request: WebRequest, host: WebHost | None) -> WebResponse:
        """Return the settings for the domain of the address, or of the name that was asked for."""
        domain = domain_of(request.query.get("emailaddress", ""), host, self._hosts)
        if not domain:
            return _NO_DOMAIN
        return WebResponse(200, autoconfig(self._offers, domain), XML)


def autoconfig(offers: Offers, domain: str) -> bytes:
    """Return the document for a domain."""
    root = Element("clientConfig", version="1.1")
    provider = SubElement(root, "emailProvider", id=domain)
    _add(provider, domain=domain, displayName=domain, displayShortName=domain)
    for offer in offers.reading:
        _server(SubElement(provider, "incomingServer", type=offer.kind), offers.host, offer)
    for offer in offers.sending:
        _server(SubElement(provider, "outgoingServer", type=offer.kind), offers.host, offer)
    document: bytes = tostring(root, "UTF-8", xml_declaration=True)
    return document


def _server(server: Element, host: str, offer: Offer) -> None:
    _add(
        server,
        hostname=host,
        port=str(offer.port),
        socketType="SSL" if offer.implicit else "STARTTLS",
        username="%EMAILADDRESS%",
        authentication="password-cleartext",
    )


def _add(parent: Element, **texts: str) -> None:
    for name, text in texts.items():
        SubElement(parent, name).text = text
