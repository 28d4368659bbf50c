"""The addresses and ports of the playground: fixed ones, others where they are in use."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

DNS_ADDRESS = "127.0.0.1"
ALPHA, BETA = "127.0.0.2", "127.0.0.3"
WRONG_HOST = "127.0.0.4"  # has a wrong host in place of the right one
ADDRESSES = (DNS_ADDRESS, ALPHA, BETA, WRONG_HOST)
USUAL: Mapping[str, int] = {
    "smtp": 25,
    "submission": 587,
    "submissions": 465,
    "imap": 143,
    "imaps": 993,
    "pop3": 110,
    "pop3s": 995,
    "http": 80,
    "https": 443,
}
_DNS = 53
_BASES = range(2000, 32_000, 1000)  # below the ports that systems give to clients


class NoPorts(Exception):
    """The addresses or ports cannot be used; the message has the remedy."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Each port is the usual one and `base`, such as 2025 for SMTP."""

    base: int

    def of(self, protocol: str) -> int:
        """Return the port of a protocol of the settings."""
        return self.base + USUAL[protocol]

    @property
    def dns(self) -> int:
        """The port of the DNS server, over UDP and TCP."""
        return self.base + _DNS

    @property
    def dns_server(self) -> str:
        """The DNS server as the settings have it."""
        return f"{DNS_ADDRESS}:{self.dns}"


def free_ports(bases: Iterable[int] = _BASES) -> Ports:
    """Return the first ports that are free on all addresses. Raises NoPorts."""
    for base in bases:
        if all(_is_free(address, base + each) for address in ADDRESSES for each in _all()):
            return Ports(base)
    raise NoPorts("no ports are free on 127.0.0.1 to 127.0.0.4; end other playgrounds")


def _all() -> Iterable[int]:
    return (_DNS, *USUAL.values())


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                text = f"this machine has no address {address}; on macOS add each of 127.0.0.2 to"
                raise NoPorts(f"{text} 127.0.0.4 by: sudo ifconfig lo0 alias {address}") from error
            return False
    return True
