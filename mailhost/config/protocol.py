"""The protocols of listeners, as a table with the properties of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ListenProtocol(StrEnum):
    """`protocol` of a listener."""

    SMTP = "smtp"
    SUBMISSION = "submission"
    SUBMISSIONS = "submissions"
    LMTP = "lmtp"
    POP3 = "pop3"
    POP3S = "pop3s"
    IMAP = "imap"
    IMAPS = "imaps"
    PROXY = "proxy"
    PROXYS = "proxys"
    HTTP = "http"
    HTTPS = "https"

    @property
    def implicit_tls(self) -> bool:
        """True if the handshake comes before the first command (RFC 8314 §3)."""
        return _TRAITS[self].implicit_tls

    @property
    def proxied(self) -> bool:
        """True if another server gives the replies."""
        return _TRAITS[self].proxied

    @property
    def takes_mail(self) -> bool:
        """True if messages are received, so that filters can be used."""
        return _TRAITS[self].takes_mail

    @property
    def needs_login(self) -> bool:
        """True if clients must log in before they send (RFC 6409 §4.3)."""
        return _TRAITS[self].needs_login

    @property
    def web(self) -> bool:
        """True for the web listener, which is served by the head alone."""
        return _TRAITS[self].web

    @property
    def usual_port(self) -> int | None:
        """The TCP port that IANA assigned, None if there is none."""
        return _TRAITS[self].usual_port


@dataclass(frozen=True, slots=True)
class _Traits:
    """The properties of a protocol. With the defaults a protocol receives no mail and has no
    filters."""

    usual_port: int | None = None
    takes_mail: bool = False
    implicit_tls: bool = False
    needs_login: bool = False
    proxied: bool = False
    web: bool = False


_TRAITS = {
    ListenProtocol.SMTP: _Traits(25, takes_mail=True),
    ListenProtocol.SUBMISSION: _Traits(587, takes_mail=True, needs_login=True),
    ListenProtocol.SUBMISSIONS: _Traits(465, takes_mail=True, needs_login=True, implicit_tls=True),
    ListenProtocol.LMTP: _Traits(takes_mail=True),
    ListenProtocol.POP3: _Traits(110),
    ListenProtocol.POP3S: _Traits(995, implicit_tls=True),
    ListenProtocol.IMAP: _Traits(143),
    ListenProtocol.IMAPS: _Traits(993, implicit_tls=True),
    ListenProtocol.PROXY: _Traits(takes_mail=True, proxied=True),
    ListenProtocol.PROXYS: _Traits(takes_mail=True, proxied=True, implicit_tls=True),
    ListenProtocol.HTTP: _Traits(80, web=True),
    ListenProtocol.HTTPS: _Traits(443, implicit_tls=True, web=True),
}
