"""Faults below a host that is under load: never a 250 for what is not safe, and back by itself."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.child_processes import children, is_writer
from tests.end_to_end.running import RunningHost
from tests.soak.far_end import FarEnd
from tests.soak.message import identity_of
from tests.soak.rounds import run_dry
from tests.soak.senders import Senders, Sent

SETTINGS = """
workers = 2
[relay]
networks = ["127.0.0.0/8"]
[[relay.route]]
via = "127.0.0.1:{port}"
[queue]
first_retry = 0.5
longest_retry = 1
[limits]
connections_per_client = 1000
stop_timeout = 5
[domain."example.com".account.ann]
[domain."example.com".account.bob]
"""
ANN, BOB, SAM = "ann@example.com", "bob@example.com", "sam@example.org"
FOREIGN, NOBODY = "x@far.example", "nobody@example.org"
CHOICES = ((ANN,), (BOB,), (SAM,), (ANN, BOB), (FOREIGN,), (BOB, FOREIGN))
CLIENTS = 6
SECONDS = 4.0
PATIENCE = 30.0  # seconds that a host has to come back
BROKEN = Path(__file__).parent / "broken_system"


@dataclass(frozen=True, slots=True)
class Suffered:
    """The result of a fault. Times are seconds; `greeting` is the slowest of those on connections
    that were answered at all, `recovery` until the last deferral after the fault, and the first
    250; `refused` are 4xx with a reason, `other` all other answers, `unanswered` connections that
    broke, which leave the mail with the client."""

    name: str
    taken: int
    refused: int
    other: list[str]
    unanswered: int
    slowest: float
    greeting: float
    recovery: float
    lost: list[str]
    broken: list[str]

    @property
    def good(self) -> bool:
        """No answered message is missing or half there, every refusal was a 4xx, and the host
        came back by itself."""
        silent = self.unanswered and self.name not in SILENT
        back = self.recovery < float("inf")
        return back and not (self.lost or self.broken or self.other or silent)

    @property
    def felt(self) -> bool:
        """The fault did what it should: else it proved nothing."""
        if self.name in LONG:
            return self.slowest >= LONG[self.name]
        if self.name == EMPTY_TABLE:
            return self.refused + self.unanswered > 0
        return self.refused > 0 or self.name == CORRUPT


class Victim:
    """A host that is to suffer, with its far end. `folder` is made."""

    def __init__(self, folder: Path) -> None:
        self.far = FarEnd(1)
        self._control = folder.with_suffix(".fault")
        folder.parent.mkdir(parents=True, exist_ok=True)
        self.say("")
        self.host = RunningHost(
            folder,
            SETTINGS.format(port=self.far.port),
            protocols=("smtp",),
            environment={"MAILHOST_FAULT": str(self._control), "PYTHONPATH": str(BROKEN)},
        )
        self.host.add_accounts("a long enough password", SAM)
        self.start()

    def start(self) -> None:
        """Start the host, and return when its worker serves too."""
        since = self.host.mark()
        self.host.start()
        self.host.wait_for("serves too", since)

    def stop(self) -> None:
        """Stop both."""
        self.host.stop()
        self.far.stop()

    def say(self, fault: str) -> None:
        """Have the operating system fail in this way from now on, in all processes at once."""
        with self._control.open("r+b" if self._control.exists() else "wb", buffering=0) as file:
            file.write(fault.encode().ljust(32))

    @property
    def pids(self) -> list[int]:
        """All processes of the host."""
        return [self.host.pid, *children(self.host.pid)]

    def found(self) -> tuple[Counter[str], list[str]]:
        """The messages in each mailbox, as "identity for address", and those half written."""
        found: Counter[str] = Counter()
        broken: list[str] = []
        for address in (ANN, BOB, SAM):
            for path in self.host.inbox(address):
                identity = identity_of(path.read_bytes())
                if identity is None:
                    broken.append(str(path))
                found[f"{identity} for {address}"] += 1
        for identity, count in self.far.taken.items():
            found[f"{identity} for {FOREIGN}"] += count
        return found, broken


Fault = Callable[[Victim], AbstractContextManager[None]]


def of_system(name: str) -> Fault:
    """A fault of the operating system, as broken_system knows it."""

    @contextlib.contextmanager
    def fault(victim: Victim) -> Iterator[None]:
        victim.say(name)
        yield
        victim.say("")

    return fault


@contextlib.contextmanager
def no_descriptors(victim: Victim) -> Iterator[None]:
    """Each process may open hardly more than it has now."""
    before = {pid: resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in victim.pids}
    for pid, (_, hard) in before.items():
        few = len(os.listdir(f"/proc/{pid}/fd")) + 1
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (few, hard))
    yield
    for pid, limits in before.items():
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)


@contextlib.contextmanager
def locked_directory(victim: Victim) -> Iterator[None]:
    """Another process holds the database of accounts, in a way that keeps readers out too."""
    path = victim.host.data / "directory.sqlite-shm"
    with path.open("r+b") as shared:
        fcntl.lockf(shared, fcntl.LOCK_EX | fcntl.LOCK_NB, 8, 120)  # SQLite's own lock bytes
        yield


@contextlib.contextmanager
def corrupt_entries(victim: Victim) -> Iterator[None]:
    """The host is killed, and finds entries in its queue that make no sense."""
    victim.host.kill()
    for number, junk in enumerate((b"", b"{", os.urandom(5000), b"{}\n" * 1000)):
        (victim.host.data / "queue" / f"junk{number}.msg").write_bytes(junk)
    since = victim.host.mark()
    victim.start()
    for number in range(4):
        victim.host.wait_for(f"junk{number}", since)
    yield
    for path in (victim.host.data / "queue").glob("junk*"):
        path.unlink()


@contextlib.contextmanager
def standing_writer(victim: Victim) -> Iterator[None]:
    """The writer's process does nothing, as if its disk hung."""
    (writer,) = filter(is_writer, children(victim.host.pid))
    os.kill(writer, signal.SIGSTOP)
    yield
    os.kill(writer, signal.SIGCONT)


SLOW = "a sync takes 3 seconds"
STANDING = "the writer stands still"
LONG = {SLOW: 3.0, STANDING: 0.9}  # seconds that somebody waits for an answer, who gets it then
EMPTY_TABLE = "EMFILE"
CORRUPT = "corrupt entries in the queue"
LOCKED = "the directory is locked"
SILENT = (EMPTY_TABLE, CORRUPT)  # nobody can be accepted, or the host is killed

FAULTS: dict[str, Fault] = {
    "ENOSPC": of_system("ENOSPC"),
    "EIO on write": of_system("EIO on write"),
    "EIO on sync": of_system("EIO on sync"),
    SLOW: of_system("slow"),
    STANDING: standing_writer,
    "a Maildir became read-only": of_system("read-only"),
    EMPTY_TABLE: no_descriptors,
    CORRUPT: corrupt_entries,
    LOCKED: locked_directory,
}


LONGER = {LOCKED: 8.0}  # more than anybody waits for it


def suffer(name: str, folder: Path) -> Suffered:
    """Run one fault against a loaded host of its own."""
    victim = Victim(folder)
    try:
        return endure(name, victim, LONGER.get(name, SECONDS), calm=1.0)
    finally:
        victim.stop()


def endure(
    name: str, victim: Victim, seconds: float, calm: float, clients: int = CLIENTS
) -> Suffered:
    """Run one fault for some seconds against a host that is loaded by `clients`, for `calm` seconds
    before the fault and after it too."""
    choices = (*CHOICES, (NOBODY,)) if FAULTS[name] is locked_directory else CHOICES
    senders = Senders(victim.host.ports["smtp"], clients, choices, name.replace(" ", "-"))
    try:
        senders.start()
        time.sleep(calm)
        begun = time.monotonic()
        with FAULTS[name](victim):
            time.sleep(seconds)
        ended = time.monotonic()
        _wait_for_one_that_is_taken(senders, ended)
        time.sleep(calm)
    finally:
        senders.stop()
    run_dry(victim.host)
    return _account(name, senders.sent, begun, ended, victim)


def _wait_for_one_that_is_taken(senders: Senders, since: float) -> None:
    """Return when a message that began after the fault was answered 250, or nobody believes in it
    any more."""
    while time.monotonic() < since + PATIENCE:
        if any(each.begun >= since and each.reply.startswith("250") for each in senders.sent):
            return
        time.sleep(0.05)


def _account(
    name: str, sent: Sequence[Sent], begun: float, ended: float, victim: Victim
) -> Suffered:
    meanwhile = [each for each in sent if each.begun < ended and each.ended > begun]
    good = [each for each in sent if each.reply.startswith("250")]
    refused = [each for each in meanwhile if _is_deferral(each.reply)]
    other = [each.reply for each in sent if not _is_right(each)]
    late = [each.ended for each in sent if _is_deferral(each.reply) and each.begun >= ended]
    after = [each.ended for each in good if each.begun >= ended]
    found, broken = victim.found()
    return Suffered(
        name,
        sum(each in good for each in meanwhile),
        len(refused),
        other,
        sum(not each.reply for each in sent),
        max(each.ended - each.begun for each in meanwhile),
        max(each.greeted for each in meanwhile),
        max([min(after), *late]) - ended if after else float("inf"),
        [
            f"{each.identity} for {to}"
            for each in good
            for to in each.to
            if not found[f"{each.identity} for {to}"]
        ],
        broken,
    )


def _is_right(sent: Sent) -> bool:
    """True for an answer that may be: taken, deferred, unknown, none."""
    unknown = NOBODY in sent.to and sent.reply.startswith("550 5.1.1 ")
    taken = sent.reply.startswith("250")
    return taken or unknown or not sent.reply or _is_deferral(sent.reply)


def _is_deferral(reply: str) -> bool:
    """True for a 4xx with words."""
    code, _, text = reply.partition(" ")
    return len(code) == 3 and code.startswith("4") and len(text) > 10
