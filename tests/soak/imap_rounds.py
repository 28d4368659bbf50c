"""Rounds of IMAP clients and kill -9, while other programs work on the same Maildirs, and the
account at their end."""

from __future__ import annotations

import contextlib
import os
import signal
import smtplib
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from tests.child_processes import children, is_writer
from tests.end_to_end.running import RunningHost, until
from tests.soak.crowd import Crowd
from tests.soak.imap_client import PASSWORD, ImapClient
from tests.soak.imap_ledger import ImapLedger
from tests.soak.imap_load import ACCOUNTS, ROAMING, ImapLoad, found_in
from tests.soak.message import make

SETTINGS = """
workers = {workers}
[limits]
connections_per_client = 1000
[login]
plaintext_on_loopback = true
"""
CACHE = "mailhost.db"
LOCK = "dovecot-uidlist.lock"
EXPLAINED = 5  # broken promises


@dataclass(frozen=True, slots=True)
class ImapAccount:
    """The result of the rounds. `faults` must be empty, and so must be `tracebacks`."""

    rounds: int
    kills: Mapping[str, int]
    caches_removed: int
    locks_left: int
    renamed_by_others: int
    answered: Mapping[str, int]
    unanswered: Mapping[str, int]
    messages: int
    faults: list[str]
    tracebacks: list[str]

    @property
    def good(self) -> bool:
        """All promises were kept."""
        return not (self.faults or self.tracebacks)


class ImapRounds:
    """A host in `folder`, with `clients`; one of its processes dies in each round."""

    def __init__(self, folder: Path, seed: int, workers: int, clients: int = 6) -> None:
        self._random = Random(seed)
        self._host = RunningHost(
            folder, SETTINGS.format(workers=workers), protocols=("smtp", "imap")
        )
        self._host.add_accounts(PASSWORD, *ACCOUNTS)
        self._ledger = ImapLedger()
        port = self._host.ports["imap"]
        self._load = ImapLoad(port, clients, seed, self._ledger)
        self._others = Others(self._maildirs, Random(seed), self._ledger, self._host.ports["smtp"])
        self._kills: Counter[str] = Counter()
        self._caches_removed = 0
        self._locks_left = 0

    @property
    def _maildirs(self) -> list[Path]:
        mail = self._host.data / "mail"
        return [mail / each.partition("@")[2] / each.partition("@")[0] for each in ACCOUNTS]

    def run(self, rounds: int, told: Callable[[int], None] = lambda number: None) -> ImapAccount:
        """Do it. Raises AssertionError where the host does not come back."""
        self._host.start()
        self._make_folders()
        self._load.start()
        self._others.start()
        try:
            for number in range(rounds):
                time.sleep(self._random.uniform(0.2, 1.2))
                self._kill_one()
                told(number)
            time.sleep(0.5)
            self._load.stop()
            self._others.stop()
            found = found_in(self._host.ports["imap"], self._ledger)
        finally:
            self._load.stop()
            self._others.stop()
            self._host.stop()
        faults = self._ledger.check(found)
        if faults:
            faults += self._explained(faults)
        return ImapAccount(
            rounds,
            self._kills,
            self._caches_removed,
            self._locks_left,
            self._others.renamed,
            self._ledger.answered,
            self._ledger.unanswered,
            len(found),
            [*faults, *self._load.troubles, *self._others.troubles],
            [line for line in self._host.lines if "Traceback" in line],
        )

    def _explained(self, faults: list[str]) -> list[str]:
        """Return the files that have the first messages of which a promise was broken, and the last
        warnings of the host."""
        explained = []
        wanted = list(dict.fromkeys(fault.split()[0] for fault in faults))[:EXPLAINED]
        for identity in wanted:
            field = f"X-Soak-Id: {identity}\r\n".encode()
            files = (each for each in self._host.data.rglob("*") if each.is_file())
            paths = [
                str(each.relative_to(self._host.data))
                for each in files
                if field in each.read_bytes().replace(b"\r", b"").replace(b"\n", b"\r\n")
            ]
            explained.append(f"the files of {identity}: {' '.join(paths) or 'none'}")
        warnings = [line for line in self._host.lines if "#warn]" in line]
        return explained + warnings[-EXPLAINED:]

    def _make_folders(self) -> None:
        for account in ACCOUNTS:
            client = ImapClient(self._host.ports["imap"], account)
            client.ok(f"CREATE {ROAMING[0]}")
            client.close()

    def _kill_one(self) -> None:
        """The head, which is started again, perhaps without its caches, or with the locks of
        processes that died before they wrote their PID; or a worker or the writer, which the head
        replaces."""
        (kind,) = self._random.choices(("head", "worker", "writer"), (5, 3, 2))
        running = children(self._host.pid)
        others = [each for each in running if is_writer(each) == (kind == "writer")]
        if kind != "head" and others:
            self._kills[kind] += 1
            os.kill(self._random.choice(others), signal.SIGKILL)
            return
        self._kills["head"] += 1
        self._host.kill()
        until(lambda: not any(map(_runs, running)), "processes go on without their head")
        if self._random.random() < 0.5:
            self._caches_removed += 1
            for maildir in self._maildirs:
                for path in maildir.glob(f"{CACHE}*"):
                    path.unlink()
        if self._random.random() < 0.2:
            self._locks_left += 1
            for maildir in self._maildirs:
                (maildir / LOCK).touch()
        self._host.start()


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Others:
    """Deliveries, and another program that gives the files of messages another flag."""

    def __init__(self, maildirs: list[Path], random: Random, ledger: ImapLedger, port: int) -> None:
        self.renamed = 0
        self.troubles: list[str] = []
        self._maildirs = maildirs
        self._random = random
        self._ledger = ledger
        self._port = port
        self._crowd = Crowd(
            partial(self._repeat, each, seconds)
            for each, seconds in ((self._rename_some, 0.1), (self._deliver, 0.05))
        )
        self._delivered = 0
        self.start = self._crowd.start
        self.stop = self._crowd.stop

    def _repeat(self, act: Callable[[], None], seconds: float) -> None:
        while not self._crowd.stopped.wait(seconds):
            try:
                act()
            except OSError:
                continue  # the host is down for a moment, or a folder has its other name
            except Exception as fault:  # noqa: BLE001 - reported with the account
                self.troubles.append(repr(fault))

    def _rename_some(self) -> None:
        """Add or take `R`, for messages that lie in cur/."""
        maildir = self._random.choice(self._maildirs)
        folder = self._random.choice([maildir, *maildir.glob(".*")])
        names = os.listdir(folder / "cur")
        for name in self._random.sample(names, min(5, len(names))):
            base, colon, flags = name.partition(":2,")
            if not colon:
                continue
            letters = set(flags) ^ {"R"}
            with contextlib.suppress(FileNotFoundError):
                os.rename(
                    folder / "cur" / name, folder / "cur" / f"{base}:2,{''.join(sorted(letters))}"
                )
                self.renamed += 1

    def _deliver(self) -> None:
        """A message by SMTP, which may come twice where its 250 was lost."""
        self._delivered += 1
        identity = f"d{self._delivered}"
        self._ledger.perhaps_added(identity)
        with smtplib.SMTP("127.0.0.1", self._port, "client", 60) as client:
            client.sendmail("sue@else.example", ACCOUNTS[0], make(identity, 300))
        self._ledger.must_be_there(identity)
