"""What listeners speak."""

from __future__ import annotations

from enum import StrEnum


class Wire(StrEnum):
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
        return self in (Wire.SUBMISSIONS, Wire.POP3S, Wire.PROXYS)

    @property
    def proxied(self) -> bool:
        """True where another server answers."""
        return self in (Wire.PROXY, Wire.PROXYS)

    @property
    def takes_mail(self) -> bool:
        """True where messages come in."""
        return self not in (Wire.POP3, Wire.POP3S)
