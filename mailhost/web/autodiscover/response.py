"""Writes the responses of autodiscover in XML: settings (MS-OXDSCLI §2.2.4) and errors."""

from __future__ import annotations

from datetime import datetime
from xml.etree.ElementTree import Element, SubElement, tostring

from mailhost.web.offers import Offer, Offers

_RESPONSES = "http://schemas.microsoft.com/exchange/autodiscover/"
NAMESPACE = f"{_RESPONSES}responseschema/2006"
OUTLOOK = f"{_RESPONSES}outlook/responseschema/2006a"
"""The schema of the settings for IMAP, POP3 and SMTP. Programs for ActiveSync want another one."""

NO_ADDRESS = 500  # the codes of errors (MS-OXDSCLI §2.2.4.1.1.2)
INVALID = 600
NO_PROVIDER = 601


def settings(offers: Offers, address: str) -> bytes:
    """Return the settings for an address, which is the name to log in with."""
    root = Element("Autodiscover", xmlns=NAMESPACE)
    response = SubElement(root, "Response", xmlns=OUTLOOK)
    SubElement(SubElement(response, "User"), "DisplayName").text = address
    account = SubElement(response, "Account")
    _add(account, AccountType="email", Action="settings")
    for offer in (*offers.reading, *offers.sending):
        _protocol(SubElement(account, "Protocol"), offers.host, offer, address)
    return _document(root)


def _protocol(protocol: Element, host: str, offer: Offer, address: str) -> None:
    _add(
        protocol,
        Type=offer.kind.upper(),
        Server=host,
        Port=str(offer.port),
        DomainRequired="off",
        LoginName=address,
        SPA="off",
        SSL="on",
        Encryption="SSL" if offer.implicit else "TLS",
        AuthRequired="on",
    )
    if offer.kind == "smtp":
        _add(protocol, UsePOPAuth="off", SMTPLast="off")


def error(code: int, text: str, now: datetime) -> bytes:
    """Return the response for a request that gets no settings."""
    root = Element("Autodiscover", xmlns=NAMESPACE)
    found = SubElement(SubElement(root, "Response"), "Error", Time=f"{now:%H:%M:%S.%f}", Id="1")
    _add(found, ErrorCode=str(code), Message=text, DebugData="")
    return _document(root)


def _add(parent: Element, **texts: str) -> None:
    for name, text in texts.items():
        SubElement(parent, name).text = text


def _document(root: Element) -> bytes:
    document: bytes = tostring(root, "utf-8", xml_declaration=True)
    return document
