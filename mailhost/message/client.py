"""The client of a session: its IP address, TLS, name in HELO, and account."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from mailhost.message.address import Address


@dataclass(frozen=True, slots=True)
class TLSState:
    """A finished TLS handshake.

    `version` is for example TLSv1.3, `cipher` the OpenSSL name of the cipher suite, `server_name`
    the name that the client asked for (SNI), empty for none.
    """

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

    `protocol` is that of the listener (smtp, submission, submissions, lmtp, pop3, pop3s). `hello`
    is the argument of HELO, EHLO or LHLO; `extended` is true for EHLO and LHLO. `account` is the
    account that the client has logged in to, or None. `session` is a short id that all log lines of
    the session have.
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
        return not self.ip or _without_zone(self.ip).is_loopback

    def trusted(self, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
        """True where the client has logged in, or its IP address is in one of `networks`."""
        return self.trusted_for(networks) is not None

    def trusted_for(
        self, networks: Iterable[IPv4Network | IPv6Network]
    ) -> Address | IPv4Network | IPv6Network | None:
        """Return why the client is trusted: the account that it has logged in to, or the first of
        `networks` that has its IP address; None if it is not trusted."""
        if self.account is not None:
            return self.account
        if not self.ip:
            return None
        address = _without_zone(self.ip)
        return next((network for network in networks if address in network), None)

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if self.ip else "a local socket"


def plain_address(ip: str) -> IPv4Address | IPv6Address:
    """Return an IP address without its zone; one of IPv4 that is mapped into IPv6 (RFC 4291
    §2.5.5.2) is returned as one of IPv4. Raises ValueError."""
    address = _without_zone(ip)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@lru_cache(1000)  # each message of a client asks for it
def _without_zone(ip: str) -> IPv4Address | IPv6Address:
    return ip_address(ip.partition("%")[0])
