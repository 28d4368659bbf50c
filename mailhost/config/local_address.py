"""Whether an IP address is one of this machine."""

from __future__ import annotations

import socket


def can_bind(ip: str) -> bool:
    """True where a socket can be bound to the address: it is one of this machine, or the kernel
    allows any address (net.ipv4.ip_nonlocal_bind)."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((ip, 0))
    except OSError:
        return False
    return True
