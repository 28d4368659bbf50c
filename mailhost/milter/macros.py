"""Macros: facts that a filter gets together with the questions, under the names of Sendmail.

Each stage has the macros that Sendmail and Postfix send, unless the filter chose others in the
negotiation. The functions `of_...` return names and values of facts, which a caller merges with
`|`. A macro without a value is not sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mailhost.message.address import Address
from mailhost.message.client import Client, TLSState
from mailhost.milter import stages
from mailhost.milter.commands import MacrosCommand
from mailhost.milter.negotiation import NegotiatedTerms
from mailhost.milter.stages import MilterStage

_CONNECT = (
    "j _ v {daemon_name} {daemon_addr} {daemon_port} {if_name} {if_addr}"
    " {client_addr} {client_name} {client_port} {client_ptr} {client_connections}"
)
_HELO = "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}"
_MAIL = "i {auth_type} {auth_authen} {auth_author} {auth_ssf} {mail_addr} {mail_host} {mail_mailer}"
_RCPT = "i {rcpt_addr} {rcpt_host} {rcpt_mailer}"

DEFAULT_MACROS: Mapping[int | None, tuple[str, ...]] = {
    stages.CONNECT.macros: tuple(_CONNECT.split()),
    stages.HELO.macros: tuple(_HELO.split()),
    stages.MAIL.macros: tuple(_MAIL.split()),
    stages.RCPT.macros: tuple(_RCPT.split()),
    stages.DATA.macros: ("i",),
    stages.END_OF_HEADER.macros: ("i",),
    stages.END_OF_BODY.macros: ("i", "{msg_id}"),
}
_BITS = re.compile(r"(?:AES|CHACHA|CAMELLIA|ARIA)[_-]?(20|128|256)")

MacroValues = Mapping[str, str]


def macros_for(
    stage: MilterStage, terms: NegotiatedTerms, values: MacroValues
) -> MacrosCommand | None:
    """Return the macros that are sent before `stage`, None if that stage has no macros.

    An empty list is sent too: it removes the macros of an earlier message.
    """
    if stage.macros is None or not terms.knows(stage):
        return None
    names = terms.macros.get(stage.macros, DEFAULT_MACROS[stage.macros])
    return MacrosCommand(
        stage.letter, tuple((name, values[name]) for name in names if name in values)
    )


def of_host(hostname: str, software: str, address: str = "", port: int = 0) -> dict[str, str]:
    """Return the macros of this host. `address` and `port` are those that the client connected
    to."""
    values = {"j": hostname, "{daemon_name}": hostname, "v": software}
    if address:
        values |= {"{daemon_addr}": address, "{daemon_port}": str(port), "{if_addr}": address}
    return values


def of_client(client: Client, name: str = "", mechanism: str = "") -> dict[str, str]:
    """Return the macros of the client. `name` is its host name, verified in DNS in both
    directions; `mechanism` is the SASL mechanism of its login."""
    name = name or ("unknown" if client.ip else "localhost")
    ip = client.ip.partition("%")[0] or "127.0.0.1"
    values = {
        "_": f"{name} [{ip}]",
        "{client_addr}": f"IPv6:{ip}" if ":" in ip else ip,
        "{client_name}": name,
        "{client_ptr}": name,
        "{client_port}": str(client.port),
    }
    if client.tls is not None:
        values |= _of_tls(client.tls)
    if client.account is not None:
        values |= {"{auth_authen}": str(client.account), "{auth_type}": mechanism or "PLAIN"}
    return values


def of_sender(sender: Address | None, host: str = "", mailer: str = "esmtp") -> dict[str, str]:
    """Return the macros of MAIL. `host` is the next hop to the sender."""
    return {
        "{mail_addr}": str(sender or ""),
        "{mail_host}": host or (sender.domain if sender else ""),
        "{mail_mailer}": mailer,
    }


def of_recipient(recipient: Address, host: str = "", mailer: str = "esmtp") -> dict[str, str]:
    """Return the macros of RCPT. `host` is the next hop to the recipient."""
    return {
        "{rcpt_addr}": str(recipient),
        "{rcpt_host}": host or recipient.domain,
        "{rcpt_mailer}": mailer,
    }


def _of_tls(tls: TLSState) -> dict[str, str]:
    values = {"{tls_version}": tls.version, "{cipher}": tls.cipher}
    bits = _BITS.search(tls.cipher)
    if bits is not None:
        values["{cipher_bits}"] = "256" if bits[1] == "20" else bits[1]
    return values
