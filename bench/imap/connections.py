"""Connections that idle: their memory, and how soon they are told of a delivery."""

from __future__ import annotations

import re
import resource
import selectors
import smtplib
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from bench.idle import kib_of
from bench.imap.client import Client
from bench.imap.hosts import Host, Mailhost
from bench.imap.mail import Filler
from bench.load import ADDRESS, DOMAIN

DELIVERY = b"From: a@source.example\r\nSubject: new\r\n\r\nhello\r\n"


@dataclass(frozen=True, slots=True)
class Idle:
    """`sessions` idle on `accounts` while `rate` messages a second are delivered for `seconds`.
    `kept` is how many connections the memory of one is measured with; Dovecot has a process or two
    for each, and gets `kept_dovecot`. `messages` are in each mailbox."""

    accounts: int = 500
    sessions: int = 5_000
    rate: int = 50
    seconds: int = 20
    kept: int = 2_000
    kept_dovecot: int = 100
    messages: int = 1_000

    def scaled(self, factor: float) -> Idle:
        """Return smaller sizes; each account has as many sessions as before."""
        return Idle(
            max(int(self.accounts * factor), 5),
            max(int(self.sessions * factor), 50),
            self.rate,
            max(int(self.seconds * factor), 5),
            max(int(self.kept * factor), 50),
            max(int(self.kept_dovecot * factor), 20),
            self.messages,
        )

    def users(self) -> list[str]:
        """Return the names of the accounts."""
        return [f"idle{number}" for number in range(self.accounts)]

    def fill(self, host: Host, filler: Filler) -> None:
        """The accounts whose memory is measured have mail."""
        for user in self.users()[: self.kept // 20 + 1]:
            filler.fill(host.maildir(user), self.messages, 4096)
            filler.own(host.maildir(user))


def allow_many_files() -> None:
    """Each connection is a descriptor of ours."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def idle_memory(hosts: Sequence[Host], idle: Idle) -> dict[str, object]:
    """Return and print the KiB that an idle connection with TLS costs each host."""
    allow_many_files()
    found = {}
    for host in hosts:
        number = idle.kept if host.name == "mailhost" else idle.kept_dovecot
        found[host.name] = _kib_for_each(host, idle, number)
    text = ", ".join(f"{name} {kib:,.1f} KiB" for name, kib in found.items())
    ratio = f": 1/{found['Dovecot'] / found['mailhost']:.0f}" if "Dovecot" in found else ""
    print(f"memory of an idle connection, TLS, {idle.messages:,} messages selected: {text}{ratio}")
    return {"work": "memory of an idle connection in KiB", "medians": found}


def _kib_for_each(host: Host, idle: Idle, number: int) -> float:
    users = idle.users()[: idle.kept // 20 + 1]
    _opened(host, users[: max(number // 20, 1)], 1)  # caches, and modules that are imported late
    before = kib_of(host.pid)
    clients = []
    try:
        for count in range(number):
            clients.append(_idling(host, users[count // 20], tls=True))
        time.sleep(2.0)
        return (kib_of(host.pid) - before) / number
    finally:
        for client in clients:
            client.close()


def _opened(host: Host, users: Sequence[str], each: int) -> None:
    for user in users:
        for _ in range(each):
            _idling(host, user, tls=True).close()
    time.sleep(1.0)


def _idling(host: Host, user: str, tls: bool = False) -> Client:
    client = Client(host.imaps if tls else host.imap, f"{user}@{DOMAIN}", tls)
    client.select()
    client.begin_idle()
    return client


class _Told:
    """When messages were accepted for each account, and when each session was told how many there
    are."""

    def __init__(self, clients: dict[str, list[Client]]) -> None:
        self._clients = clients
        self._selector = selectors.DefaultSelector()
        self._accepted: dict[str, list[float]] = {user: [] for user in clients}
        self._told: dict[Client, list[tuple[int, float]]] = {}
        for some in clients.values():
            for client in some:
                self._selector.register(client, selectors.EVENT_READ)
                self._told[client] = []

    def accepted(self, user: str, when: float) -> None:
        """A message was answered 250."""
        self._accepted[user].append(when)

    def read(self, seconds: float) -> None:
        """Read what sessions are told, for this time."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            for key, _ in self._selector.select(left):
                client = key.fileobj
                assert isinstance(client, Client)
                now = time.perf_counter()
                counts = map(int, re.findall(rb"\* (\d+) EXISTS\r\n", client.read()))
                self._told[client] += [(count, now) for count in counts]

    def delays(self) -> list[float]:
        """Return the seconds from each 250 to the first EXISTS of each session that counts the
        message; infinite for one that it was never told of."""
        found = []
        for user, some in self._clients.items():
            for client in some:
                for count, when in enumerate(self._accepted[user], client.messages + 1):
                    told = [at for number, at in self._told[client] if number >= count]
                    found.append(told[0] - when if told else float("inf"))
        return found


def latency(host: Host, idle: Idle) -> dict[str, object]:
    """Return and print how long sessions wait for EXISTS after the 250 of a delivery."""
    assert isinstance(host, Mailhost)
    allow_many_files()
    users = idle.users()
    each = idle.sessions // len(users)
    clients = {user: [_idling(host, user) for _ in range(each)] for user in users}
    told = _Told(clients)
    sender = threading.Thread(target=_deliver, args=(host, idle, users, told), daemon=True)
    sender.start()
    told.read(idle.seconds + 3.0)
    sender.join(60)
    delays = sorted(told.delays())
    for client in (client for some in clients.values() for client in some):
        client.close()
    median, worst = delays[len(delays) // 2], delays[-1]
    print(
        f"{idle.sessions:,} sessions idle on {idle.accounts:,} accounts, {idle.rate} deliveries a "
        f"second: from 250 to EXISTS median {median * 1000:,.0f} ms, worst {worst * 1000:,.0f} ms"
    )
    return {"work": "from 250 to EXISTS in seconds", "median": median, "worst": worst}


def _deliver(host: Mailhost, idle: Idle, users: Sequence[str], told: _Told) -> None:
    """Send messages at a steady rate, on one connection."""
    with closing(smtplib.SMTP(ADDRESS, host.smtp, timeout=60)) as client:
        begun = time.perf_counter()
        for number in range(idle.rate * idle.seconds):
            time.sleep(max(begun + number / idle.rate - time.perf_counter(), 0.0))
            user = users[number % len(users)]
            client.sendmail("a@source.example", f"{user}@{DOMAIN}", DELIVERY)
            told.accepted(user, time.perf_counter())
