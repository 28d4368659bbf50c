"""The protocols of listeners, and what distinguishes them: one row of a table for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class ProtocolProperties:
    """The properties of one protocol. Whatever a row does not name is off.

    `port` is the one that IANA registered. With `implicit_tls` the handshake comes before the first
    octet of the protocol (RFC 8314 §3), and `opportunistic_tls` accepts weaker TLS from clients
    that would otherwise send in the clear (RFC 7435). `alpn` is the protocol's ALPN name, empty
    where it has none (RFC 7301 §6). `takes_mail`: messages come in, so it has the mail filters.
    `proxied`: another server answers. `login_required`: before a message (RFC 6409 §4.3).
    """

    port: int
    implicit_tls: bool = False
    opportunistic_tls: bool = False
    alpn: bytes = b""
    takes_mail: bool = False
    proxied: bool = False
    login_required: bool = False


class ListenProtocol(StrEnum):
    """`protocol` of a listener."""

    SMTP = "smtp"
    SUBMISSION = "submission"
    SUBMISSIONS = "submissions"
    LMTP = "lmtp"
    POP3 = "pop3"
    POP3S = "pop3s"
    PROXY = "proxy"
    PROXYS = "proxys"

    @property
    def properties(self) -> ProtocolProperties:
        """The protocol's row of the table."""
        return PROPERTIES[self]


PROPERTIES: Mapping[ListenProtocol, ProtocolProperties] = MappingProxyType(
    {
        ListenProtocol.SMTP: ProtocolProperties(25, takes_mail=True, opportunistic_tls=True),
        ListenProtocol.SUBMISSION: ProtocolProperties(587, takes_mail=True, login_required=True),
        ListenProtocol.SUBMISSIONS: ProtocolProperties(
            465, takes_mail=True, login_required=True, implicit_tls=True
        ),
        ListenProtocol.LMTP: ProtocolProperties(24, takes_mail=True),
        ListenProtocol.POP3: ProtocolProperties(110, alpn=b"pop3"),
        ListenProtocol.POP3S: ProtocolProperties(995, alpn=b"pop3", implicit_tls=True),
        ListenProtocol.PROXY: ProtocolProperties(25, takes_mail=True, proxied=True),
        ListenProtocol.PROXYS: ProtocolProperties(
            465, takes_mail=True, proxied=True, implicit_tls=True
        ),
    }
)
