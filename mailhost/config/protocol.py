"""What listeners speak."""

from __future__ import annotations

from enum import StrEnum


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
    def implicit_tls(self) -> bool:
        """True where the handshake comes before the first word (RFC 8314 §3)."""
        return self in (ListenProtocol.SUBMISSIONS, ListenProtocol.POP3S, ListenProtocol.PROXYS)

    @property
    def proxied(self) -> bool:
        """True where another server answers."""
        return self in (ListenProtocol.PROXY, ListenProtocol.PROXYS)

    @property
    def takes_mail(self) -> bool:
        """True where messages come in."""
        return self not in (ListenProtocol.POP3, ListenProtocol.POP3S)
