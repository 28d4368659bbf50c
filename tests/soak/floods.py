"""Floods and sloth: what they cost in memory, and how long a normal client waits meanwhile."""

from __future__ import annotations

import base64
import contextlib
import os
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.running import RunningHost

SECONDS = 10.0
SETTINGS = """
workers = 1
[limits]
connections = 3000
connections_per_client = 2000
[login]
plaintext_on_loopback = true
[domain."example.com".account.ann]
"""
Address = tuple[str, int]
Flood = Callable[[Address, threading.Event], None]


@dataclass(frozen=True, slots=True)
class Flooded:
    """Megabytes, seconds, and how many messages the normal client brought in."""

    name: str
    memory_before: float
    memory_most: float
    slowest: float
    messages: int


def flood(one: Flood, folder: Path, seconds: float = SECONDS) -> Flooded:
    """Run one flood against a host of its own for some seconds."""
    host = RunningHost(folder, SETTINGS, protocols=("smtp", "submission")).start()
    stopped = threading.Event()
    address = ("127.0.0.1", host.ports["submission" if one is guesses else "smtp"])
    flooding = threading.Thread(target=one, args=(address, stopped))
    before = _megabytes(host.pid)
    try:
        flooding.start()
        slowest, messages, most = 0.0, 0, before
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            slowest = max(slowest, _send_normally(host.ports["smtp"]))
            messages += 1
            most = max(most, _megabytes(host.pid))
            time.sleep(0.02)
    finally:
        stopped.set()
        flooding.join(60)
        host.stop()
    return Flooded((one.__doc__ or "").partition(".")[0], before, most, slowest, messages)


def _send_normally(port: int) -> float:
    """Send a message from another address; return the seconds of the slowest step."""
    slowest = 0.0
    client = smtplib.SMTP(timeout=60, source_address=("127.0.0.9", 0))
    for step in (
        lambda: client.connect("127.0.0.1", port),
        lambda: client.ehlo("normal.example"),
        lambda: client.sendmail("a@b.example", "ann@example.com", "Subject: hi\r\n\r\nhi\r\n"),
        client.quit,
    ):
        begun = time.monotonic()
        step()
        slowest = max(slowest, time.monotonic() - begun)
    return slowest


def _megabytes(pid: int) -> float:
    """Resident memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


# --- the floods ----------------------------------------------------------------------------------


def _connections(address: Address, number: int) -> list[socket.socket]:
    opened = []
    for _ in range(number):
        with contextlib.suppress(OSError):
            opened.append(socket.create_connection(address, 10))
    return opened


def connections(address: Address, stopped: threading.Event) -> None:
    """2,500 connections from one address, 500 above the limit."""
    opened = _connections(address, 2500)
    stopped.wait()
    for each in opened:
        each.close()


def slow_writers(address: Address, stopped: threading.Event) -> None:
    """1,000 clients that send an octet every ten seconds."""
    opened = _connections(address, 1000)
    for number, letter in enumerate("MAIL FROM:<a@b.example>" * 100):
        for each in opened:
            with contextlib.suppress(OSError):
                each.send(letter.encode())
        if stopped.wait(10 if number else 1):
            break
    for each in opened:
        each.close()


def starttls(address: Address, stopped: threading.Event) -> None:
    """STARTTLS, handshake, hang up, again and again."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    while not stopped.is_set():
        with contextlib.suppress(OSError), socket.create_connection(address, 10) as plain:
            plain.recv(1000)
            plain.sendall(b"EHLO x.example\r\n")
            plain.recv(1000)
            plain.sendall(b"STARTTLS\r\n")
            plain.recv(1000)
            with context.wrap_socket(plain):
                pass


def guesses(address: Address, stopped: threading.Event) -> None:
    """Passwords guessed over 50 connections at once."""

    def guess() -> None:
        wrong = base64.b64encode(b"\0ann@example.com\0wrong")
        while not stopped.is_set():
            with contextlib.suppress(OSError), socket.create_connection(address, 5) as client:
                client.sendall(b"EHLO x.example\r\n" + b"AUTH PLAIN " + wrong + b"\r\n")
                while client.recv(1000) and not stopped.is_set():
                    pass

    guessing = [threading.Thread(target=guess) for _ in range(50)]
    for thread in guessing:
        thread.start()
    for thread in guessing:
        thread.join()


def noops(address: Address, stopped: threading.Event) -> None:
    """Pipelines of a million NOOPs."""
    while not stopped.is_set():
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


def no_reading(address: Address, stopped: threading.Event) -> None:
    """200 clients that ask and never read the answers."""
    opened = _connections(address, 200)
    for each in opened:
        each.setblocking(False)
    while not stopped.wait(0.1):
        for each in opened:
            with contextlib.suppress(OSError):
                each.send(b"HELP\r\nVRFY ann\r\n" * 2000)
    for each in opened:
        each.close()


def large_messages(address: Address, stopped: threading.Event) -> None:
    """100 messages of 40 MB at the same time."""
    opened = _connections(address, 100)
    for each in opened:
        each.settimeout(10)
        with contextlib.suppress(OSError):
            each.sendall(
                b"HELO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<ann@example.com>\r\nDATA\r\n"
            )
    line = (b"x" * 76 + b"\r\n") * 1000
    for _ in range(40_000_000 // len(line)):
        for each in opened:
            if stopped.is_set():
                break
            with contextlib.suppress(OSError):
                each.sendall(line)
    stopped.wait()
    for each in opened:
        each.close()


FLOODS: tuple[Flood, ...] = (
    connections,
    slow_writers,
    starttls,
    guesses,
    noops,
    no_reading,
    large_messages,
)
