"""The loads: Postfix's own smtp-source and smtp-sink, the same for both hosts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.running import free_port

ADDRESS = "127.0.0.1"
DOMAIN = "bench.example"
FOREIGN = "elsewhere.example"
PASSWORD = "bench"
USERS = ("user", *(f"{number}user" for number in range(51)))  # as smtp-source names recipients


@dataclass(frozen=True, slots=True)
class Work:
    """One row of the table. `least` and `aim` are ratios to Postfix.

    `kept` keeps connections open for the next message; `recipients` counts those of one message;
    `proxied` has our proxy carry what Postfix queues and relays. With `policy` mail goes over TLS
    to an MX host, as the MTA-STS policy of the domain demands. `sync_delay` is what each sync of
    mailhost takes longer, in milliseconds; such a row compares mailhost with itself.
    """

    name: str
    sessions: int
    messages: int
    size: int = 4000
    kept: bool = False
    recipients: int = 1
    foreign: bool = False
    submission: bool = False
    proxied: bool = False
    policy: bool = False
    sync_delay: int = 0
    least: float = 1.0
    aim: float = 1.0

    @property
    def deliveries(self) -> int:
        """How many copies must arrive."""
        return self.messages * self.recipients


WORKS = (
    Work("local, 4 KB, 1 session", 1, 300, least=1.15, aim=1.6),
    Work("local, 4 KB, 1 session, kept open", 1, 1500, kept=True, least=1.5, aim=2.5),
    Work("local, 4 KB, 20 sessions", 20, 2000, least=2.3, aim=3.5),
    Work("local, 4 KB, 100 sessions", 100, 2000, least=2.5, aim=3.5),
    Work("local, 4 KB, 20 sessions, kept open", 20, 3000, kept=True, least=3.4, aim=5.0),
    Work("local, 1 MB, 4 sessions", 4, 100, size=1_000_000, least=1.4, aim=2.0),
    Work("local, 50 recipients, 10 sessions", 10, 100, recipients=50, least=1.2, aim=2.0),
    Work("relay, 4 KB, 20 sessions", 20, 1000, foreign=True, least=2.3, aim=4.0),
    Work("proxy, 4 KB, 20 sessions", 20, 2000, foreign=True, proxied=True, least=2.0, aim=2.0),
    Work("STARTTLS and AUTH, 20 sessions", 20, 1000, submission=True, least=1.0, aim=1.5),
)
POLICIES = (
    Work("relay over TLS, cached policy, 20 sessions", 20, 1000, foreign=True, policy=True),
)
"""Works for two checkouts of mailhost alone: Postfix would need a program for the policies."""
SLOW = (
    Work("slow syncs (2 ms), 1 kept connection", 1, 300, kept=True, sync_delay=2),
    Work("slow syncs (2 ms), 20 kept connections", 20, 3000, kept=True, sync_delay=2),
)
"""Works for mailhost alone: what a sync costs Postfix cannot be changed."""
IDLE = 5000  # connections; Postfix has a process for each, and gets IDLE_POSTFIX
IDLE_POSTFIX = 100


class Sink:
    """smtp-sink, which takes all mail and counts it."""

    def __init__(self, address: str = ADDRESS) -> None:
        self.port = free_port(address)
        self._count = b""
        self._process = subprocess.Popen(
            self.command(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        threading.Thread(target=self._read, daemon=True).start()

    def command(self) -> list[str]:
        """Return the command that takes the mail."""
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        return ["/usr/sbin/smtp-sink", *user, "-c", f"{ADDRESS}:{self.port}", "1000"]

    @property
    def count(self) -> int:
        """Messages so far: the last number that it printed."""
        numbers = re.findall(rb"mesg=([0-9]+)\r", self._count)
        return int(numbers[-1]) if numbers else 0

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            while printed := os.read(output.fileno(), 4096):
                self._count = (self._count + printed)[-200:]

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(10)


def send(work: Work, port: int) -> None:
    """Send all messages, and return when the last was answered."""
    if work.submission:
        module = [sys.executable, "-m", "bench.submit"]
        subprocess.run([*module, *map(str, (port, work.messages, work.sessions))], check=True)
        return
    to = f"user@{FOREIGN if work.foreign else DOMAIN}"
    options = ["-s", str(work.sessions), "-m", str(work.messages), "-l", str(work.size)]
    if work.kept:
        options.append("-d")
    if work.recipients > 1:
        options += ["-r", str(work.recipients)]
    command = ["/usr/sbin/smtp-source", *options, "-f", "from@source.example", "-t", to]
    subprocess.run(
        [*command, f"inet:{ADDRESS}:{port}"], check=True, capture_output=True, timeout=300
    )


def delivered(maildirs: Path) -> int:
    """Count the messages that lie in all inboxes."""
    return sum(len(os.listdir(folder)) for folder in maildirs.glob("*/new"))


def wait_until(done: Callable[[], bool], seconds: float = 120.0) -> None:
    """Return when `done()` is true. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError("the mail did not arrive")
        time.sleep(0.005)
