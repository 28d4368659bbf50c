"""The client of a session: what the session has learnt of it so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address

from mailhost.message.address import Address


@dataclass(frozen=True, slots=True)
class TLSState:
    """A finished handshake: `version` such as TLSv1.3, `cipher` by its OpenSSL name."""

    version: str
    cipher: str
    server_name: str = ""

    @property
    def strong(self) -> bool:
        """True with forward secrecy and authenticated encryption (RFC 9325 §4.2)."""
        if self.version == "TLSv1.3":
            return True
        authenticated = "GCM" in self.cipher or "CHACHA20" in self.cipher
        return self.version == "TLSv1.2" and self.cipher.startswith("ECDHE-") and authenticated


@dataclass(frozen=True, slots=True)
class Client:
    """The peer of one connection. `ip` is empty for a unix socket.

    `protocol` is the listener's (smtp, submission, submissions, lmtp, pop3, pop3s); `hello` is
    what HELO, EHLO or LHLO said, `extended` whether it was EHLO or LHLO; `account` is set once
    logged in. `session` is a short id that ties log lines together.
    """

    ip: str
    port: int = 0
    protocol: str = "smtp"
    session: str = ""
    hello: str = ""
    extended: bool = False
    tls: TLSState | None = None
    account: Address | None = None

    @property
    def local_machine(self) -> bool:
        """True for loopback addresses and unix sockets."""
        return not self.ip or ip_address(self.ip.partition("%")[0]).is_loopback

    def trusted(self, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
        """True where it logged in, or its address is in one of `networks`."""
        if self.account is not None:
            return True
        if not self.ip:
            return False
        address = ip_address(self.ip.partition("%")[0])
        return any(address in network for network in networks)

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if self.ip else "a local socket"
