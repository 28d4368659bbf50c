"""Whether clients can use HTTPS with a name of this host, and what follows: redirects, and the
field Strict-Transport-Security (RFC 6797).

A certificate that no authority signed is one that clients refuse, so no page that is also useful
without TLS leads them there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum
from typing import TypeAlias

from mailhost.config.model import Listen
from mailhost.config.protocol import ListenProtocol
from mailhost.dns_records.from_settings import service_ports
from mailhost.net.tls.certificate import CertificateFiles
from mailhost.net.tls.certificate_checks import is_for
from mailhost.web.values import WebRequest, WebResponse, text_response

# half a year, and for no names below: another host may serve them without HTTPS
HSTS = ("Strict-Transport-Security", "max-age=15552000")

Certificates: TypeAlias = Callable[[], Sequence[CertificateFiles]]


def own_https_port(listeners: Sequence[Listen]) -> int | None:
    """Return the port at which clients reach this host by HTTPS, None if there is none. A port on
    loopback counts if there is no other."""
    for loopback in (False, True):
        for port in service_ports(listeners, ListenProtocol.HTTPS, loopback):
            return port
    return None


def https_address(name: str, port: int | None, path: str) -> str:
    """Return the address of a page. Without a port of our own, a proxy has the usual one."""
    where = "" if port in (None, ListenProtocol.HTTPS.usual_port) else f":{port}"
    return f"https://{name}{where}{path}"


class Plain(Enum):
    """How a page answers requests by HTTP."""

    ANSWER = "answer"  # as by HTTPS
    PREFER_HTTPS = "prefer https"  # a redirect if clients can use HTTPS, else the answer
    REDIRECT = "redirect"  # a redirect to HTTPS in any case


class HTTPS:
    """`port` is that of the listener for HTTPS, None if there is none: then each page is answered
    by HTTP, since a proxy before this host may have the certificate. `certificates` returns those
    in use, `now` the time. `hostname` is that of the settings."""

    def __init__(
        self,
        hostname: str,
        port: int | None,
        certificates: Certificates,
        now: Callable[[], datetime],
    ) -> None:
        self._hostname = hostname
        self._port = port
        self._certificates = certificates
        self._now = now

    def is_trusted(self, name: str) -> bool:
        """True if a certificate of an authority is in use for this name, and valid now."""
        return self._port is not None and any(map(self._fits(name), self._certificates()))

    def _fits(self, name: str) -> Callable[[CertificateFiles], bool]:
        now = self._now()

        def fits(files: CertificateFiles) -> bool:
            own = files.chain[0]
            by_authority = own.issuer != own.subject
            return by_authority and own.not_valid_after_utc > now and is_for(files, name)

        return fits

    def best_name(self, name: str) -> str:
        """Return the name for an address of HTTPS: `name`, or that of the host if only this one has
        a certificate of an authority."""
        if not self.is_trusted(name) and self.is_trusted(self._hostname):
            return self._hostname
        return name

    def address(self, name: str, path: str) -> str:
        """Return the address of a page by HTTPS."""
        return https_address(name, self._port, path)

    def redirect(self, request: WebRequest, plain: Plain, anywhere: bool) -> WebResponse | None:
        """Return the redirect that a request by HTTP gets, None if it is answered. `anywhere`: the
        page is the same at the name of the host."""
        if request.secure or request.proxied or self._port is None or plain is Plain.ANSWER:
            return None
        name = self.best_name(request.host) if anywhere else request.host
        if plain is Plain.PREFER_HTTPS and not self.is_trusted(name):
            return None
        query = f"?{request.query_text}" if request.query_text else ""
        where = self.address(name, request.path + query)
        return text_response(302, f"This page is at {where}", ("Location", where))

    def fields(self, request: WebRequest) -> tuple[tuple[str, str], ...]:
        """Return the header fields that follow from the certificate. A proxy sends its own."""
        own_tls = request.secure and not request.proxied
        return (HSTS,) if own_tls and self.is_trusted(request.host) else ()
