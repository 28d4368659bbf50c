"""TLS as a client: with a certificate that is verified, or with any (opportunistic TLS)."""

from __future__ import annotations

from functools import lru_cache

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import Certificate, CertificateOptions, optionsForClientTLS
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from mailhost.net.tls.names import server_name


def client_tls(
    hostname: str, verify: bool, trust_root: Certificate | None = None
) -> IOpenSSLClientConnectionCreator:
    """Return what a client hands to `transport.startTLS`.

    `hostname` is sent as the server name, unless it is an IP address. With `verify` the
    certificate must be for it (RFC 6125) and come from an authority that this machine trusts, or
    from `trust_root` alone where that is given; the connection is lost otherwise. Without, any
    certificate will do: opportunistic TLS (RFC 7435). Raises ValueError for a name that is to be
    verified and that no certificate can be for.
    """
    hostname = hostname.strip("[]")
    if not verify:
        return _Opportunistic(hostname)
    if trust_root is not None:
        return optionsForClientTLS(hostname, trustRoot=trust_root)
    return _verifying(hostname)


@lru_cache(maxsize=64)  # reading the machine's authorities takes tens of milliseconds
def _verifying(hostname: str) -> IOpenSSLClientConnectionCreator:
    return optionsForClientTLS(hostname)


@lru_cache(maxsize=1)
def _any_certificate() -> CertificateOptions:
    return CertificateOptions()


@implementer(IOpenSSLClientConnectionCreator)
class _Opportunistic:
    """Encrypts without a check of the certificate."""

    def __init__(self, hostname: str) -> None:
        self._server_name = server_name(hostname)

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        connection = _any_certificate().clientConnectionForTLS(tlsProtocol)
        if self._server_name:
            connection.set_tlsext_host_name(self._server_name)
        return connection
