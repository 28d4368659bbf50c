"""The memory that an idle connection takes, all processes of a host taken together."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from bench.load import ADDRESS
from tests.child_processes import children


def kib_for_each(port: int, pid: int, connections: int) -> float:
    """Open so many connections, say EHLO on each, and return the KiB that each one costs.

    `pid` is the parent of all processes of the host.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    opened: list[socket.socket] = []
    before = kib_of(pid)
    try:
        for _ in range(connections):
            client = socket.create_connection((ADDRESS, port), 60)
            opened.append(client)
            client.recv(1000)
            client.sendall(b"EHLO bench.example\r\n")
            client.recv(1000)
        time.sleep(1.0)
        return (kib_of(pid) - before) / connections
    finally:
        for client in opened:
            client.close()


def kib_of(pid: int) -> int:
    """Memory of a process and its children; what several share counts once (Pss)."""
    return sum(_pss(each) for each in _family(pid))


def _family(pid: int) -> Iterator[int]:
    yield pid
    yield from children(pid)


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
