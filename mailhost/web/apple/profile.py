"""Makes configuration profiles (`.mobileconfig`) with a mail account, and signs them.

A profile is a property list. Apple's programs show by which certificate it is signed (CMS, RFC
5652). Without an address in it, the device asks for the address.
"""

from __future__ import annotations

import plistlib
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import (
    PKCS7Options,
    PKCS7SignatureBuilder,
)

from mailhost.message.address import Address
from mailhost.net.tls.certificate import CertificateFiles
from mailhost.web.offers import Offer, Offers

_Values = dict[str, Any]


def profile(offers: Offers, domain: str, address: Address | None) -> bytes:
    """Return the profile for a domain, and for an address in it. A new profile of the same address
    replaces the one on the device, so its identifiers stay the same; those of another address
    differ, so that a device can have several accounts of a domain."""
    login = str(address) if address else ""
    content = _account(offers, domain, login)
    name = ".".join((*reversed(domain.split(".")), "mail"))
    if login:
        name += f".{_uuid(offers.host, domain, login, 'identifier')}"
    values = {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": name,
        "PayloadUUID": _uuid(offers.host, domain, login, "profile"),
        "PayloadDisplayName": f"Mail of {login or domain}",
        "PayloadDescription": f"Sets up the mail account {login}".rstrip() + f" at {offers.host}.",
        "PayloadOrganization": domain,
        "PayloadContent": [
            {
                "PayloadType": "com.apple.mail.managed",
                "PayloadVersion": 1,
                "PayloadIdentifier": f"{name}.account",
                "PayloadUUID": _uuid(offers.host, domain, login, "account"),
                "PayloadDisplayName": login or domain,
                **content,
            }
        ],
    }
    return plistlib.dumps(values, sort_keys=False)


def _uuid(*names: str) -> str:
    return str(uuid5(NAMESPACE_URL, "/".join(names))).upper()


def _account(offers: Offers, domain: str, login: str) -> _Values:
    reading, sending = offers.reading[0], offers.sending[0]
    named = {"EmailAddress": login, "EmailAccountName": login} if login else {}
    return {
        "EmailAccountType": "EmailTypeIMAP" if reading.kind == "imap" else "EmailTypePOP",
        "EmailAccountDescription": domain,
        **named,
        **_server("Incoming", offers.host, reading, login),
        **_server("Outgoing", offers.host, sending, login),
        "OutgoingPasswordSameAsIncomingPassword": True,
    }


def _server(way: str, host: str, offer: Offer, login: str) -> _Values:
    named = {f"{way}MailServerUsername": login} if login else {}
    return {
        f"{way}MailServerAuthentication": "EmailAuthPassword",
        f"{way}MailServerHostName": host,
        f"{way}MailServerPortNumber": offer.port,
        f"{way}MailServerUseSSL": True,  # STARTTLS where the port has it
        **named,
    }


def signed(content: bytes, files: CertificateFiles) -> bytes:
    """Return the profile in a CMS structure with its signature and the whole chain, in DER. Blocks
    for some milliseconds. With a key of a kind that CMS libraries do not sign by, such as Ed25519,
    the profile is returned without a signature, which devices accept too."""
    key = files.key
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        return content
    own, *issuers = files.chain
    builder = PKCS7SignatureBuilder().set_data(content).add_signer(own, key, SHA256())
    for issuer in issuers:
        builder = builder.add_certificate(issuer)
    return builder.sign(Encoding.DER, [PKCS7Options.Binary, PKCS7Options.NoCapabilities])
