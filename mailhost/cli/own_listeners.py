"""Finds the address at which this machine reaches its own host, from the listeners of the
settings."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from mailhost.cli.context import Fail
from mailhost.config.endpoint import parse_endpoint
from mailhost.config.model import Listen
from mailhost.config.protocol import ListenProtocol

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True, slots=True)
class ListenerAddress:
    """An address and port to connect to, and whether TLS comes first."""

    host: str
    port: int
    implicit_tls: bool

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def listener_address(
    listeners: Sequence[Listen], protocols: Sequence[ListenProtocol]
) -> ListenerAddress:
    """Return the first TCP listener of the first of these protocols that has one. Raises Fail."""
    for protocol in protocols:
        for listen in listeners:
            address = _listener_address(listen) if listen.protocol is protocol else None
            if address:
                return address
    raise Fail(f"the settings have no TCP listener for {' or '.join(protocols)}")


def _listener_address(listen: Listen) -> ListenerAddress | None:
    endpoint = parse_endpoint(listen.endpoint)
    if endpoint.proxied:
        return None  # needs a PROXY header first
    usual = listen.protocol.usual_port
    if usual and endpoint.kind == "systemd" and endpoint.part("domain") != "UNIX":
        return ListenerAddress("127.0.0.1", usual, listen.protocol.implicit_tls)
    if endpoint.port is None:
        return None
    host = _LOOPBACK.get(endpoint.interface, endpoint.interface)
    return ListenerAddress(host, endpoint.port, listen.protocol.implicit_tls)


def own_tls() -> ssl.SSLContext:
    """Return a TLS context for connections to this host. The certificate is not checked, since the
    connection stays on this machine."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
