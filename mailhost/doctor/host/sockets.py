"""Reads which TCP ports processes of this machine listen on, and which processes: from /proc.

Only root sees the processes of other users. Where there is no /proc, no socket is found.
"""

from __future__ import annotations

import os
import re
import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

_LISTENING = "0A"  # the state of a socket, in hexadecimal
_SOCKET = re.compile(r"socket:\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Process:
    """A process, with the name of its program."""

    pid: int
    program: str


@dataclass(frozen=True, slots=True)
class ListeningSocket:
    """A socket that waits for connections, and the processes that have it as far as they are
    known."""

    address: str
    port: int
    processes: tuple[Process, ...] = ()


def listening_sockets(proc: str = "/proc") -> list[ListeningSocket]:
    """Return the TCP sockets of this machine that listen. Blocks for some milliseconds."""
    found = [*_table(f"{proc}/net/tcp"), *_table(f"{proc}/net/tcp6")]
    processes = _processes(proc, {inode for _, _, inode in found}) if found else {}
    return [
        ListeningSocket(address, port, tuple(processes.get(inode, ())))
        for address, port, inode in found
    ]


def processes_at(
    sockets: Sequence[ListeningSocket], address: str, port: int
) -> tuple[Process, ...]:
    """Return the processes that take connections to an address, or to all addresses there."""
    every = ("::", "0.0.0.0", address)
    return tuple(
        process
        for socket in sockets
        if socket.port == port and (address in ("::", "0.0.0.0") or socket.address in every)
        for process in socket.processes
    )


def _table(path: str) -> Iterator[tuple[str, int, str]]:
    """Yield address, port and inode of each listening socket in a table of the kernel."""
    try:
        with open(path, encoding="ascii") as file:
            lines = file.read().splitlines()[1:]
    except OSError:
        return
    for line in lines:
        fields = line.split()
        if len(fields) > 9 and fields[3] == _LISTENING:
            address, _, port = fields[1].partition(":")
            yield _address(address), int(port, 16), fields[9]


def _address(text: str) -> str:
    """Return an address that is written as 32-bit numbers of this machine's byte order."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    octets = struct.pack(f"={len(words)}I", *words)
    return str(IPv4Address(octets) if len(octets) == 4 else IPv6Address(octets))


def _processes(proc: str, inodes: set[str]) -> Mapping[str, list[Process]]:
    """Return the processes that have each of these sockets open."""
    found: defaultdict[str, list[Process]] = defaultdict(list)
    for pid in filter(str.isdigit, os.listdir(proc)):
        with suppress(OSError):  # it has ended, or is another user's
            sockets = _sockets_of(f"{proc}/{pid}/fd") & inodes
            for inode in sockets:
                found[inode].append(Process(int(pid), _program(f"{proc}/{pid}/comm")))
    return found


def _sockets_of(folder: str) -> set[str]:
    found = set()
    for name in os.listdir(folder):
        with suppress(OSError):
            match = _SOCKET.fullmatch(os.readlink(f"{folder}/{name}"))
            if match:
                found.add(match[1])
    return found


def _program(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read().strip()
