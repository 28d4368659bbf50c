"""The services of a mail server: the protocol of each standard port, and how TLS begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from ipaddress import ip_address


class MailProtocol(Enum):
    """The protocols that are examined."""

    SMTP = "SMTP"
    IMAP = "IMAP"
    POP3 = "POP3"


@dataclass(frozen=True, slots=True)
class Service:
    """The service that is expected at a port.

    With `implicit_tls` the connection begins with the TLS handshake, otherwise TLS begins with
    STARTTLS. `between_servers` is True for port 25, which mail servers use among themselves.
    `guessed` is True if the operator named a port that is not a standard port of mail.
    """

    port: int
    protocol: MailProtocol
    implicit_tls: bool = False
    between_servers: bool = False
    guessed: bool = False

    @property
    def with_other_tls(self) -> Service:
        """The same service with TLS from the beginning instead of STARTTLS, or the reverse."""
        return replace(self, implicit_tls=not self.implicit_tls)


SERVICES = (
    Service(25, MailProtocol.SMTP, between_servers=True),
    Service(465, MailProtocol.SMTP, implicit_tls=True),
    Service(587, MailProtocol.SMTP),
    Service(2525, MailProtocol.SMTP),
    Service(993, MailProtocol.IMAP, implicit_tls=True),
    Service(143, MailProtocol.IMAP),
    Service(995, MailProtocol.POP3, implicit_tls=True),
    Service(110, MailProtocol.POP3),
)


def shifted(services: Sequence[Service], offset: int) -> Sequence[Service]:
    """Return the services with `offset` added to their ports, as in a test network."""
    return [replace(service, port=service.port + offset) for service in services]


@dataclass(frozen=True, slots=True)
class Place:
    """A service at one address. `host` is the name or address that the operator named, `address`
    one of its IP addresses."""

    host: str
    address: str
    service: Service

    @property
    def port(self) -> int:
        """The number of the port."""
        return self.service.port

    @property
    def on_loopback(self) -> bool:
        """True if the connection does not leave this machine."""
        return ip_address(self.address.partition("%")[0]).is_loopback

    @property
    def named_by_address(self) -> bool:
        """True if the operator named no host name, so that a certificate cannot be for it."""
        return is_address(self.host)


def is_address(text: str) -> bool:
    """True for the text of an IP address."""
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
