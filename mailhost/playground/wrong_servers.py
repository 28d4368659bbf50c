"""What serves a port in place of beta, wrong in one way each."""

from __future__ import annotations

from twisted.internet import ssl
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.protocol import ServerFactory

from mailhost.net.tls.certificate import PEM
from mailhost.playground.forwarding import ForwardingFactory, Onward, hide_starttls
from mailhost.playground.hosts import BETA_HOST
from mailhost.playground.network import Network
from mailhost.playground.scripted import Script, ScriptedFactory

GREETING_DELAY = 8.0  # seconds
_NO_LOGIN = b"454 4.7.0 Temporary authentication failure"


def late_greeting(network: Network, port: int) -> ServerFactory:
    """Greets late, as hosts do that wait for programs which talk too early."""
    return ForwardingFactory(network.reactor, Onward(BETA_HOST.address, port, delay=GREETING_DELAY))


def hidden_starttls(network: Network, port: int) -> ServerFactory:
    """Hides STARTTLS, as transparent proxies for SMTP do."""
    return ForwardingFactory(network.reactor, Onward(BETA_HOST.address, port, change=hide_starttls))


def broken_login(network: Network, port: int) -> ServerFactory:
    """Offers AUTH, and cannot check any password."""
    script = Script(
        BETA_HOST.hostname,
        extensions=(b"PIPELINING", b"8BITMIME", b"ENHANCEDSTATUSCODES"),
        with_tls=(b"AUTH PLAIN LOGIN",),
        replies={b"AUTH": _NO_LOGIN, b"MAIL": b"530 5.7.0 Authentication required"},
        tls=_tls(network.prepared.authority.issue([BETA_HOST.hostname])),
    )
    return ScriptedFactory(script)


def _tls(pem: PEM) -> IOpenSSLServerConnectionCreator:
    certificate: IOpenSSLServerConnectionCreator = ssl.PrivateCertificate.loadPEM(
        pem.key + pem.chain
    ).options()
    return certificate
