"""Which DNS servers are asked: those of the settings, or those of the system (resolv.conf(5))."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address

from mailhost.config.types import split_host_port

PORT = 53
MOST_SERVERS = 3  # as the C library has it
LARGEST_FILE = 65_536  # octets of a file that are read

Server = tuple[str, int]


def servers_of_settings(servers: Sequence[str]) -> list[Server]:
    """Return `ip:port` texts as pairs."""
    return [split_host_port(server, PORT) for server in servers]


class SystemServers:
    """Reads the system's file, and again where it has changed since."""

    def __init__(self, path: str = "/etc/resolv.conf") -> None:
        self._path = path
        self._changed: float | None = None
        self._servers: list[Server] = [("127.0.0.1", PORT)]

    def get(self) -> list[Server]:
        """Return the servers. If the file cannot be read, the last ones known are returned."""
        with suppress(OSError):
            changed = os.stat(self._path).st_mtime
            if changed != self._changed:
                with open(self._path, "rb") as file:
                    text = file.read(LARGEST_FILE).decode("utf-8", "replace")
                self._servers = _parse(text) or [("127.0.0.1", PORT)]
                self._changed = changed
        return self._servers


def _parse(text: str) -> list[Server]:
    servers: list[Server] = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) > 1 and fields[0] == "nameserver":
            with suppress(ValueError):
                ip_address(fields[1])
                servers.append((fields[1], PORT))
    return servers[:MOST_SERVERS]
