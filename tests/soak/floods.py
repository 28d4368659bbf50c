"""Floods and sloth: what they cost in memory, and how long a normal client waits meanwhile.

Both are compared with what the same host takes a moment before, without a flood: a machine that is
busy with other work is slow in both.
"""

from __future__ import annotations

import base64
import contextlib
import os
import resource
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.running import RunningHost
from tests.end_to_end.shared import any_certificate
from tests.soak.normal import NormalClient

SECONDS = 10.0
SETTINGS = """
workers = 1
[limits]
connections = {connections}
connections_per_client = {per_client}
[login]
plaintext_on_loopback = true
[domain."example.com".account.ann]
"""
PATIENCE = 120.0  # seconds until a flood has begun
Address = tuple[str, int]


class Course(threading.Event):
    """Set when a flood is to end; `in_place` when it has begun in full."""

    def __init__(self) -> None:
        super().__init__()
        self.in_place = threading.Event()


Flood = Callable[[Address, Course], None]

QUIET = 3.0  # seconds that the normal client is measured alone, at most
WAIT = 1.0  # seconds that a normal client may always wait for an answer,
SLOWER = 20.0  # and it may wait so many times as long as without a flood
MEMORY = 2.0  # times the memory that was in use without a flood, with thousands of connections
RUNS = 3  # of a flood that is out of bounds
LEFT = 3  # descriptors that may be open more than before


@dataclass(frozen=True, slots=True)
class Flooded:
    """Megabytes, seconds, how many messages the normal client brought in, how many connections were
    answered 421, and how many descriptors were open more than before when all was over.

    `memory_times` is how many times `memory_before` are allowed; `quiet` is the slowest answer
    without a flood, `slowest` the one with it.
    """

    name: str
    memory_before: float
    memory_most: float
    memory_times: float
    quiet: float
    slowest: float
    messages: int
    turned_away: int
    left: int

    @property
    def bounded(self) -> bool:
        """Neither memory nor descriptors went out of bounds, and others were served."""
        grown = self.memory_most / self.memory_before
        return grown <= self.memory_times and self.left <= LEFT and self.messages > 0

    @property
    def good(self) -> bool:
        """The same, and others did not wait much longer than without the flood."""
        return self.bounded and self.slowest <= max(WAIT, SLOWER * self.quiet)


def measured(one: Flood, folder: Path) -> Flooded:
    """Run one flood, again where it is out of bounds, three times at most: other work
    on the machine slows one run, a fault of the host slows all three."""
    for number in range(RUNS):
        found = flood(one, folder / f"{one.__name__}-{number}")
        if found.good:
            break
    return found


def flood(one: Flood, folder: Path, seconds: float = SECONDS) -> Flooded:
    """Run one flood against a host of its own for some seconds."""
    host = host_with(limits_of(one), folder).start()
    try:
        return flood_of(one, host, seconds)
    finally:
        host.stop()


def limits_of(one: Flood) -> tuple[int, int]:
    """The connections that the host of a flood takes, and those of one client."""
    return LIMITS.get(one, (3000, 2000))


def host_with(limits: tuple[int, int], folder: Path) -> RunningHost:
    """A host with these limits, not started."""
    settings = SETTINGS.format(connections=limits[0], per_client=limits[1])
    return RunningHost(folder, settings, protocols=("smtp", "submission"))


def flood_of(one: Flood, host: RunningHost, seconds: float) -> Flooded:
    """Run one flood against a running host."""
    course, since = Course(), host.mark()
    address = ("127.0.0.1", host.ports["submission" if one is guesses else "smtp"])
    flooding = threading.Thread(target=one, args=(address, course))
    normal = NormalClient(host.ports["smtp"])
    try:
        quiet = _alone(normal, min(seconds, QUIET))
        descriptors = _descriptors(host.pid)  # those that the first message opens included
        before, most = _megabytes(host.pid), 0.0
        flooding.start()
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            normal.send()
            most = max(most, _megabytes(host.pid))
            if not course.in_place.wait(0.02):
                continue
            end = min(end, time.monotonic() + seconds)
            time.sleep(0.02)
        course.set()
        flooding.join(60)
        left = _left(host.pid, descriptors)
        normal.close()
    finally:
        course.set()
        if flooding.ident is not None:
            flooding.join(60)
    return Flooded(
        (one.__doc__ or "").partition(".")[0],
        before,
        most,
        TIMES.get(one, MEMORY),
        quiet,
        normal.slowest,
        normal.messages,
        sum(" 421 4." in line and "connection" in line for line in host.lines[since:]),
        left,
    )


def _alone(normal: NormalClient, seconds: float) -> float:
    """Let the normal client send for some seconds, and return how long its slowest step took."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        normal.send()
        time.sleep(0.02)
    quiet, normal.slowest = normal.slowest, 0.0
    return quiet


def _megabytes(pid: int) -> float:
    """Resident memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def _left(pid: int, before: int) -> int:
    """How many descriptors are open more than before, once the host has noticed that the clients
    are gone."""
    deadline = time.monotonic() + 15
    while _descriptors(pid) > before + LEFT and time.monotonic() < deadline:
        time.sleep(0.1)
    return _descriptors(pid) - before


# --- the floods ----------------------------------------------------------------------------------


def _connections(
    address: Address, number: int, sources: Sequence[str] = ("127.0.0.1",)
) -> list[socket.socket]:
    """So many connections, from these addresses in turn."""
    opened = []
    for each in range(number):
        with contextlib.suppress(OSError):
            source = (sources[each % len(sources)], 0)
            opened.append(socket.create_connection(address, 10, source))
    return opened


def _sources(number: int) -> list[str]:
    return [f"127.1.{each // 250}.{1 + each % 250}" for each in range(number)]


def _hold(opened: Sequence[socket.socket], course: Course) -> None:
    course.in_place.set()
    course.wait()
    for each in opened:
        each.close()


def connections(address: Address, course: Course) -> None:
    """2,500 connections from one address, 500 above the limit."""
    _hold(_connections(address, 2500), course)


def crowd(address: Address, course: Course) -> None:
    """2,500 connections from 500 addresses, 500 above the limit."""
    _hold(_connections(address, 2500, _sources(500)), course)


def idle(address: Address, course: Course) -> None:
    """10,000 connections that say nothing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 12_000)), hard))
    _hold(_connections(address, 10_000, _sources(500)), course)


def slow_writers(address: Address, course: Course) -> None:
    """1,000 clients that send an octet every ten seconds, half of them in a message."""
    opened = _connections(address, 1000)
    for each in opened[::2]:
        with contextlib.suppress(OSError):
            each.sendall(ENVELOPE)
    course.in_place.set()
    for number, letter in enumerate("MAIL FROM:<a@b.example>" * 100):
        for each in opened:
            with contextlib.suppress(OSError):
                each.send(letter.encode())
        if course.wait(10 if number else 1):
            break
    for each in opened:
        each.close()


def starttls(address: Address, course: Course) -> None:
    """STARTTLS, handshake, hang up by 8 clients all the time; 200 stop in the middle."""
    context = any_certificate()

    def shake() -> None:
        while not course.is_set():
            with contextlib.suppress(OSError), socket.create_connection(address, 10) as plain:
                _ask_for_tls(plain)
                with context.wrap_socket(plain):
                    pass

    shaking = [threading.Thread(target=shake) for _ in range(8)]
    for thread in shaking:
        thread.start()
    opened = _connections(address, 200)
    for each in opened:
        with contextlib.suppress(OSError):
            each.settimeout(10)
            _ask_for_tls(each)
            each.send(b"\x16\x03\x01")
    _hold(opened, course)
    for thread in shaking:
        thread.join()


def _ask_for_tls(plain: socket.socket) -> None:
    plain.recv(1000)
    for command in (b"EHLO x.example\r\n", b"STARTTLS\r\n"):
        plain.sendall(command)
        plain.recv(1000)


def guesses(address: Address, course: Course) -> None:
    """Passwords guessed over 50 connections at once."""
    course.in_place.set()

    def guess() -> None:
        wrong = base64.b64encode(b"\0ann@example.com\0wrong")
        while not course.is_set():
            with contextlib.suppress(OSError), socket.create_connection(address, 5) as client:
                client.sendall(b"EHLO x.example\r\n" + b"AUTH PLAIN " + wrong + b"\r\n")
                while client.recv(1000) and not course.is_set():
                    pass

    guessing = [threading.Thread(target=guess) for _ in range(50)]
    for thread in guessing:
        thread.start()
    for thread in guessing:
        thread.join()


def noops(address: Address, course: Course) -> None:
    """Pipelines of a million NOOPs."""
    course.in_place.set()
    while not course.is_set():
        with contextlib.suppress(OSError), socket.create_connection(address, 5) as client:
            client.recv(1000)
            reader = threading.Thread(target=_read_all, args=(client,), daemon=True)
            reader.start()
            for _ in range(1000):
                client.sendall(b"NOOP\r\n" * 1000)


def _read_all(client: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while client.recv(65536):
            pass


def no_reading(address: Address, course: Course) -> None:
    """200 clients that ask and never read the answers."""
    opened = _connections(address, 200)
    for each in opened:
        each.setblocking(False)
    course.in_place.set()
    while not course.wait(0.1):
        for each in opened:
            with contextlib.suppress(OSError):
                each.send(b"HELP\r\nVRFY ann\r\n" * 2000)
    for each in opened:
        each.close()


ENVELOPE = b"HELO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<ann@example.com>\r\nDATA\r\n"
HEADER = b"Subject: large\r\n\r\n"
LINES = (b"x" * 76 + b"\r\n") * 1000


def _messages(address: Address, course: Course, number: int, size: int) -> list[socket.socket]:
    """So many messages at the same time, but for their end."""
    opened = _connections(address, number)
    for each in opened:
        each.settimeout(10)
        with contextlib.suppress(OSError):
            each.sendall(ENVELOPE + HEADER)
    for _ in range(size // len(LINES)):
        for each in opened:
            if course.is_set():
                break
            with contextlib.suppress(OSError):
                each.sendall(LINES)
    return opened


def large_messages(address: Address, course: Course) -> None:
    """100 messages of 50 MB at the same time."""
    _hold(_messages(address, course, 100, 49_900_000), course)


def large_ends(address: Address, course: Course) -> None:
    """50 messages of 20 MB that end together."""
    _end(_messages(address, course, 50, 20_000_000), course)


def few_large_ends(address: Address, course: Course) -> None:
    """15 messages of 20 MB that end together."""
    _end(_messages(address, course, 15, 20_000_000), course)


def _end(opened: Sequence[socket.socket], course: Course) -> None:
    for each in opened:
        with contextlib.suppress(OSError):
            each.sendall(b".\r\n")
    _hold(opened, course)


FLOODS: tuple[Flood, ...] = (
    connections,
    crowd,
    idle,
    slow_writers,
    starttls,
    guesses,
    noops,
    no_reading,
    large_messages,
    large_ends,
)
# connections, and those of one client
LIMITS: dict[Flood, tuple[int, int]] = {crowd: (2000, 100), idle: (15_000, 100)}
# checking a password is made to take memory; a connection is some kilobytes
TIMES: dict[Flood, float] = {guesses: 4.0, idle: 2.5}
