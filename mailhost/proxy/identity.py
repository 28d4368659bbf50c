"""Telling the server behind the proxy who the client is: Postfix's XCLIENT and XFORWARD
(https://www.postfix.org/XCLIENT_README.html), or the PROXY protocol, version 1, of HAProxy."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from mailhost.message.client import Client
from mailhost.smtp.client.sending import encode_xtext

LONGEST = 500  # octets of a command without CRLF, RFC 5321 §4.5.3.1.4


def xclient_commands(client: Client, offered: str) -> list[bytes]:
    """Return what says all that is `offered` (the parameters of XCLIENT in the reply to EHLO)."""
    return list(_commands(b"XCLIENT", client, offered))


def xforward_commands(client: Client, offered: str) -> list[bytes]:
    """Return what is said before each MAIL."""
    return list(_commands(b"XFORWARD", client, offered))


def name_of(client: Client) -> str:
    """Return what the client said in its hello, nothing where another server may not know such
    names: those outside ASCII."""
    return client.hello if client.hello.isascii() else ""


def _commands(verb: bytes, client: Client, offered: str) -> Iterator[bytes]:
    """Yield as few commands as hold all attributes."""
    known = _attributes(client)
    command = verb
    for name in offered.upper().split():
        if name not in known:
            continue
        word = f" {name}={known[name]}".encode()
        if len(command) + len(word) > LONGEST:
            yield command
            command = verb
        command += word
    if command != verb:
        yield command


def _attributes(client: Client) -> dict[str, str]:
    unavailable = "[UNAVAILABLE]"
    ip = client.ip.partition("%")[0]  # the zone of a link-local address is our own affair
    address = f"IPV6:{ip}" if ":" in ip else ip
    return {
        "ADDR": address or unavailable,
        "PORT": str(client.port) if client.port else unavailable,
        "NAME": unavailable,  # we do not look it up
        "PROTO": "ESMTP" if client.extended else "SMTP",
        "HELO": encode_xtext(client.hello[:255]) or unavailable,
        "LOGIN": encode_xtext(str(client.account)) if client.account else unavailable,
        "IDENT": client.session or unavailable,
        "SOURCE": "LOCAL" if client.local_machine else "REMOTE",
    }


def proxy_header(client: Client) -> bytes:
    """Return the PROXY line that goes before everything else (HAProxy, version 1).

    Where the client's connection ended is not told: that address is our own affair.
    """
    if not client.ip:
        return b"PROXY UNKNOWN\r\n"
    address = ip_address(client.ip.partition("%")[0])
    family, ours = ("TCP6", "::") if address.version == 6 else ("TCP4", "0.0.0.0")
    return f"PROXY {family} {address} {ours} {client.port} 25\r\n".encode()
