"""The servers that replace one port of beta, each with one fault."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from twisted.internet import ssl
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.protocol import Factory, ServerFactory
from twisted.protocols.tls import TLSMemoryBIOFactory

from mailhost.playground.forwarding import ForwardingFactory, Onward, hide_starttls
from mailhost.playground.hosts import BETA_HOST
from mailhost.playground.network import Network
from mailhost.playground.scripted import Script, ScriptedFactory

GREETING_DELAY = 6.0  # seconds
_BROKEN = Script(
    BETA_HOST.hostname,
    extensions=(b"PIPELINING", b"8BITMIME", b"ENHANCEDSTATUSCODES"),
    with_tls=(b"AUTH PLAIN LOGIN",),
    replies={
        b"AUTH": b"454 4.7.0 Temporary authentication failure",
        b"MAIL": b"530 5.7.0 Authentication required",
    },
)


def late_greeting(network: Network, port: int) -> ServerFactory:
    """Delays the greeting, as hosts do that detect clients which send before it."""
    return ForwardingFactory(network.reactor, Onward(BETA_HOST.address, port, delay=GREETING_DELAY))


def hidden_starttls(network: Network, port: int) -> ServerFactory:
    """Hides STARTTLS, as transparent proxies for SMTP do."""
    return ForwardingFactory(network.reactor, Onward(BETA_HOST.address, port, change=hide_starttls))


def tls_at_once(network: Network, port: int) -> ServerFactory:
    """Begins with TLS where STARTTLS is the standard."""
    onward = Onward(BETA_HOST.address, network.ports.of("submissions"))
    return ForwardingFactory(network.reactor, onward)


def broken_login(network: Network, port: int) -> ServerFactory:
    """Offers AUTH after STARTTLS, and cannot check any password."""
    return ScriptedFactory(replace(_BROKEN, tls=_tls(network)))


def broken_login_over_tls(network: Network, port: int) -> Factory:
    """Offers AUTH on a connection that begins with TLS, and cannot check any password."""
    script = replace(_BROKEN, extensions=(*_BROKEN.extensions, *_BROKEN.with_tls))
    factory = TLSMemoryBIOFactory(_tls(network), False, ScriptedFactory(script))
    return cast(Factory, factory)


def smuggling(network: Network, port: int) -> ServerFactory:
    """Takes LF.LF for the end of a message. It takes mail for its own mailboxes alone."""
    mailboxes = (BETA_HOST.accounts[0], f"postmaster@{BETA_HOST.domains[0]}")
    script = Script(
        BETA_HOST.hostname,
        tls=_tls(network),
        recipients=tuple(f"<{each}>".encode() for each in mailboxes),
        bare_line_ends=True,
    )
    return ScriptedFactory(script)


def _tls(network: Network) -> IOpenSSLServerConnectionCreator:
    pem = network.prepared.certificate(BETA_HOST)
    certificate: IOpenSSLServerConnectionCreator = ssl.PrivateCertificate.loadPEM(
        pem.key + pem.chain
    ).options()
    return certificate
