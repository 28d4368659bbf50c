"""The client's identity for the server behind the proxy: XCLIENT and XFORWARD of Postfix
(https://www.postfix.org/XCLIENT_README.html), or the PROXY protocol of HAProxy, version 1."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from mailhost.message.client import Client
from mailhost.smtp.client.sending import encode_xtext

LONGEST_COMMAND = 500  # octets of a command without CRLF, RFC 5321 §4.5.3.1.4


def xclient_commands(client: Client, offered: str) -> list[bytes]:
    """Return the XCLIENT commands with the attributes that the server has `offered`, which are the
    parameters of XCLIENT in the reply to EHLO."""
    return list(_commands(b"XCLIENT", client, offered))


def xforward_commands(client: Client, offered: str) -> list[bytes]:
    """Return the XFORWARD commands that are sent before each MAIL; `offered` as for XCLIENT."""
    return list(_commands(b"XFORWARD", client, offered))


def ehlo_name(client: Client) -> str:
    """Return the name of the client in its EHLO. A name that is not ASCII becomes empty, since
    other servers may not accept it."""
    return client.hello if client.hello.isascii() else ""


def _commands(verb: bytes, client: Client, offered: str) -> Iterator[bytes]:
    """Yield as few commands as can carry all attributes."""
    known = _attributes(client)
    command = verb
    for name in offered.upper().split():
        if name not in known:
            continue
        attribute = f" {name}={known[name]}".encode()
        if len(command) + len(attribute) > LONGEST_COMMAND:
            yield command
            command = verb
        command += attribute
    if command != verb:
        yield command


def _attributes(client: Client) -> dict[str, str]:
    unavailable = "[UNAVAILABLE]"
    ip = client.ip.partition("%")[0]  # the zone of a link-local address has no meaning elsewhere
    address = f"IPV6:{ip}" if ":" in ip else ip
    return {
        "ADDR": address or unavailable,
        "PORT": str(client.port) if client.port else unavailable,
        "NAME": unavailable,  # the host name is not looked up
        "PROTO": "ESMTP" if client.extended else "SMTP",
        "HELO": encode_xtext(client.hello[:255]) or unavailable,
        "LOGIN": encode_xtext(str(client.account)) if client.account else unavailable,
        "IDENT": client.session or unavailable,
        "SOURCE": "LOCAL" if client.local_machine else "REMOTE",
    }


def proxy_header(client: Client) -> bytes:
    """Return the PROXY line that precedes everything else (HAProxy, version 1).

    The line has no destination address: the address of our listener does not concern the server.
    """
    if not client.ip:
        return b"PROXY UNKNOWN\r\n"
    address = ip_address(client.ip.partition("%")[0])
    family, destination = ("TCP6", "::") if address.version == 6 else ("TCP4", "0.0.0.0")
    return f"PROXY {family} {address} {destination} {client.port} 25\r\n".encode()
