"""Rounds of load and kill -9, and the account at their end."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.child_processes import children, is_writer
from tests.end_to_end.running import RunningHost
from tests.soak.far_end import Copy, FarEnd
from tests.soak.load import FOREIGN, MAILBOXES, Ledger, Load
from tests.soak.message import identity_of

SETTINGS = """
workers = {workers}
[limits]
connections_per_client = 1000
[relay]
networks = ["127.0.0.0/8"]
[[relay.route]]
via = "127.0.0.1:{port}"
[queue]
first_retry = 0.5
longest_retry = 2
[domain."example.com".account.ann]
[domain."example.com".account.bob]
"""
PATIENCE = 120.0  # seconds in which one entry at least has to leave the queue


@dataclass(frozen=True, slots=True)
class Account:
    """The result of the rounds. `lost`, `broken` and `needless` (copies that nobody had to
    make) must be empty, and so must be `far_faults`, for which the host cannot be blamed."""

    rounds: int
    kills: Counter[str]
    answered: int
    unknown: int
    refused: int
    lost: list[str]
    broken: list[str]
    again_here: int
    again_there: int
    needless: list[str]
    far_deaths: int
    far_faults: list[str]
    left_in_tmp: int

    @property
    def good(self) -> bool:
        """No answered message is missing, half there, or there twice without need."""
        return not (self.lost or self.broken or self.needless or self.far_faults)


class Rounds:
    """A host in `folder`, loaded over `rounds`; a process of its dies in each."""

    def __init__(self, folder: Path, seed: int, workers: int, far_deaths: float = 0.0) -> None:
        self._random = Random(seed)
        self._far = FarEnd(seed, far_deaths)
        self._host = RunningHost(
            folder, SETTINGS.format(workers=workers, port=self._far.port), protocols=("smtp",)
        )
        self._load = Load(self._host.ports["smtp"], 8, seed)
        self._kills: Counter[str] = Counter()
        self._heads_died: list[float] = []  # monotonic seconds

    def run(self, rounds: int, told: Callable[[int], None] = lambda number: None) -> Account:
        """Do it. Raises AssertionError where the host does not come back or the queue stays."""
        self._host.start()
        self._load.start()
        try:
            for number in range(rounds):
                time.sleep(self._random.uniform(0.2, 1.2))
                self._kill_one()
                told(number)
            self._load.stop()
            self._far.deaths = 0.0
            run_dry(self._host)
        finally:
            self._load.stop()
            self._host.stop()
            self._far.stop()
        return self._account(rounds)

    def _kill_one(self) -> None:
        """The head, which is started again and may die meanwhile, or a worker or the writer, which
        the head replaces."""
        (kind,) = self._random.choices(("head", "worker", "writer"), (5, 3, 2))
        others = [
            each for each in children(self._host.pid) if is_writer(each) == (kind == "writer")
        ]
        if kind != "head" and others:
            self._kills[kind] += 1
            os.kill(self._random.choice(others), signal.SIGKILL)
            return
        self._host.kill()
        self._heads_died.append(time.monotonic())
        self._kills["head"] += 1
        while self._random.random() < 0.3:  # while it starts, or recovers
            self._host.begin()
            time.sleep(self._random.uniform(0.0, 1.5))
            self._host.kill()
            self._heads_died.append(time.monotonic())
            self._kills["start"] += 1
        self._host.start()

    def _account(self, rounds: int) -> Account:
        ledger = self._load.ledger
        boxes = {each: Counter[str]() for each in MAILBOXES}
        broken: list[str] = []
        for mailbox, found in boxes.items():
            for path in self._host.inbox(mailbox):
                identity = identity_of(path.read_bytes())
                if identity is None:
                    broken.append(str(path))
                else:
                    found[identity] += 1
        broken += ["a message at the far end"] * self._far.broken
        there = needless_there(self._far.copies, ledger.unanswered, self._heads_died)
        again = sum(count - 1 for found in boxes.values() for count in found.values())
        return Account(
            rounds,
            self._kills,
            len(ledger.answered),
            len(ledger.unknown),
            ledger.refused,
            _lost(ledger, boxes, self._far.taken),
            broken,
            again,
            sum(count - 1 for count in self._far.taken.values()),
            [*_needless(ledger, boxes), *there],
            self._far.died.total(),
            self._far.faults,
            len([*self._host.data.glob("mail/*/*/tmp/*"), *self._host.data.glob("queue/*")]),
        )


def needless_there(
    copies: Iterable[Copy], unanswered: Mapping[str, int], deaths: Sequence[float]
) -> list[str]:
    """Return the messages with more copies at the far end than had to be made.

    A client sends a message again, as another entry of the queue, for each time that it got no
    answer. An entry is sent again where the host got no answer, or where the head died (`deaths`
    in monotonic seconds) before it could write down that it got one: a death that befalls two
    entries of one message costs a copy of each.
    """
    entries: defaultdict[str, defaultdict[str, list[Copy]]]
    entries = defaultdict(lambda: defaultdict(list))
    for copy in copies:
        entries[copy.identity][copy.entry].append(copy)
    found = []
    for identity, sent in entries.items():
        if len(sent) > 1 + unanswered.get(identity, 0):
            found.append(f"{identity} as {len(sent)} entries at the far end")
        for entry, same in sent.items():
            if len(same) > 1 + _excuses(same, deaths):
                found.append(f"{identity} {len(same)} times at the far end, as {entry}")
    return found


def _excuses(copies: Sequence[Copy], deaths: Sequence[float]) -> int:
    """How many copies of one entry had to follow the first."""
    gaps = itertools.pairwise(sorted(copy.began for copy in copies))
    died = sum(any(a < death < b for death in deaths) for a, b in gaps)
    return died + sum(copy.excused for copy in copies)


def _needless(ledger: Ledger, boxes: dict[str, Counter[str]]) -> list[str]:
    """Copies in mailboxes beyond those that clients had to send again."""
    return [
        f"{identity} {count} times for {box}"
        for box, found in boxes.items()
        for identity, count in found.items()
        if count > 1 + ledger.unanswered[identity]
    ]


def _lost(ledger: Ledger, boxes: dict[str, Counter[str]], far: Counter[str]) -> list[str]:
    return [
        f"{identity} for {to}"
        for identity, recipients in ledger.answered.items()
        for to in recipients
        if not (far if to.endswith(FOREIGN) else boxes[to])[identity]
    ]


def run_dry(host: RunningHost) -> None:
    """Return when the queue is empty. Raises AssertionError where no entry leaves it any more."""
    waiting = _waiting(host)
    deadline = time.monotonic() + PATIENCE
    while waiting:
        if time.monotonic() > deadline:
            raise AssertionError(f"{len(waiting)} entries stay in the queue:\n{host.lines[-20:]}")
        time.sleep(0.1)
        now = _waiting(host)
        if waiting - now:
            deadline = time.monotonic() + PATIENCE
        waiting = now


def _waiting(host: RunningHost) -> set[str]:
    return {each.name for each in (host.data / "queue").glob("*.msg")}
