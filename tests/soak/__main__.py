"""The long run: `python -m tests.soak [--rounds N] [--steps N] [--seed N]`. Fails where anything is
lost."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.soak.faults import FAULTS, Suffered, suffer
from tests.soak.floods import FLOODS, Flooded, measured
from tests.soak.imap_rounds import ImapAccount, ImapRounds
from tests.soak.power_cuts import STEPS, PowerCuts, power_cuts
from tests.soak.rounds import Account, Rounds

CONSOLE = Console(width=120)


def main() -> None:
    """Run everything, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="kills in all")
    parser.add_argument("--steps", type=int, default=STEPS, help="on a disk that forgets")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    wanted = parser.parse_args()
    CONSOLE.print(f"seed {wanted.seed}: the same one makes the same choices again")
    cuts = _cut_power(wanted.steps, wanted.seed)
    CONSOLE.print(_cuts_table(cuts))
    folder = Path(tempfile.mkdtemp(prefix="soak-", dir="/var/tmp"))
    try:
        accounts = _kill(folder, wanted.rounds, wanted.seed)
        CONSOLE.print(_killed_table(accounts))
        imap = _kill_under_imap(folder, wanted.rounds // 2, wanted.seed)
        CONSOLE.print(_imap_table(imap))
        suffered = [suffer(name, folder / "faults" / str(n)) for n, name in enumerate(FAULTS)]
        CONSOLE.print(_suffered_table(suffered))
        floods = [measured(each, folder) for each in FLOODS]
        CONSOLE.print(_flooded_table(floods))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    good = not cuts.faults and all(each.good for each in accounts.values())
    good = good and all(each.good for each in imap.values())
    good = good and all(each.good and each.felt for each in suffered)
    good = good and all(each.good for each in floods)
    sys.exit(0 if good else 1)


def _cut_power(steps: int, seed: int) -> PowerCuts:
    with CONSOLE.status("cutting the power") as status:
        return power_cuts(steps, seed, lambda done: status.update(f"{done.steps:,} of {steps:,}"))


def _kill(folder: Path, rounds: int, seed: int) -> dict[str, Account]:
    """Half of the rounds with a healthy far end, half with one that dies in the middle."""
    accounts: dict[str, Account] = {}
    with CONSOLE.status("killing") as status:
        for name, workers, deaths in (("one process", 1, 0.0), ("two, far end dies", 2, 0.2)):
            running = Rounds(folder / name, seed, workers, deaths)
            accounts[name] = running.run(rounds // 2, _teller(status.update, name, rounds // 2))
    return accounts


def _kill_under_imap(folder: Path, rounds: int, seed: int) -> dict[str, ImapAccount]:
    """IMAP clients, at one process and at several, which share the accounts."""
    accounts: dict[str, ImapAccount] = {}
    with CONSOLE.status("killing under IMAP clients") as status:
        for name, workers in (("one process", 1), ("three", 3)):
            running = ImapRounds(folder / f"imap-{workers}", seed, workers)
            accounts[name] = running.run(rounds // 2, _teller(status.update, name, rounds // 2))
    return accounts


def _teller(say: Callable[[str], None], name: str, rounds: int) -> Callable[[int], None]:
    return lambda number: say(f"{name}: {number + 1} of {rounds} rounds")


def _cuts_table(done: PowerCuts) -> Table:
    table = Table(title="power cuts on a disk that forgets")
    for title in ("steps", "worlds", "messages", "power cuts", "without the log", "broken"):
        table.add_column(title, justify="right")
    numbers = (done.steps, done.worlds, done.messages, done.cuts, done.logs_off, len(done.faults))
    table.add_row(*(f"{number:,}" for number in numbers))
    for fault in done.faults:
        CONSOLE.print("BROKEN", fault)
    return table


def _killed_table(accounts: dict[str, Account]) -> Table:
    table = Table(title="killed with -9 under load")
    table.add_column("")
    for name in accounts:
        table.add_column(name, justify="right")
    rows: dict[str, Callable[[Account], object]] = {
        "rounds": lambda a: a.rounds,
        "head killed": lambda a: a.kills["head"],
        "worker killed": lambda a: a.kills["worker"],
        "writer killed": lambda a: a.kills["writer"],
        "head killed while it started": lambda a: a.kills["start"],
        "far end died in the middle": lambda a: a.far_deaths,
        "messages answered 250": lambda a: a.answered,
        "lost": lambda a: len(a.lost),
        "half written": lambda a: len(a.broken),
        "twice in a mailbox": lambda a: a.again_here,
        "more than once at the far end": lambda a: a.again_there,
        "of all these, avoidable": lambda a: len(a.needless),
        "never answered, as the connection broke": lambda a: a.unknown,
        "refused for now": lambda a: a.refused,
        "files left in tmp/ and the queue": lambda a: a.left_in_tmp,
    }
    for title, value in rows.items():
        table.add_row(title, *(f"{value(account):,}" for account in accounts.values()))
    for account in accounts.values():
        for what in (*account.lost, *account.broken, *account.needless):
            CONSOLE.print("LOST, BROKEN, OR TWICE WITHOUT NEED", what)
        for what in account.far_faults:
            CONSOLE.print("THE TEST'S OWN FAULT", what)
    return table


def _imap_table(accounts: dict[str, ImapAccount]) -> Table:
    table = Table(title="killed with -9 under IMAP clients, while another program renames files")
    table.add_column("")
    for name in accounts:
        table.add_column(name, justify="right")
    rows: dict[str, Callable[[ImapAccount], object]] = {
        "rounds": lambda a: a.rounds,
        "processes killed": lambda a: sum(a.kills.values()),
        "caches removed": lambda a: a.caches_removed,
        "locks left behind": lambda a: a.locks_left,
        "files renamed by the other program": lambda a: a.renamed_by_others,
        "commands answered OK": lambda a: sum(a.answered.values()),
        "commands without an answer, or refused": lambda a: sum(a.unanswered.values()),
        "messages at the end": lambda a: a.messages,
        "promises broken": lambda a: len(a.faults),
        "tracebacks": lambda a: len(a.tracebacks),
    }
    for title, value in rows.items():
        table.add_row(title, *(f"{value(account):,}" for account in accounts.values()))
    for account in accounts.values():
        for what in (*account.faults, *account.tracebacks):
            CONSOLE.print("BROKEN", what)
    return table


def _suffered_table(suffered: list[Suffered]) -> Table:
    table = Table(title="faults below, for some seconds each; times in seconds")
    table.add_column("fault", min_width=28)
    titles = "250|4xx|other|unanswered|slowest|greeting|back|lost|half"
    for column in titles.split("|"):
        table.add_column(column, justify="right")
    for one in suffered:
        table.add_row(
            one.name,
            *map(str, (one.taken, one.refused, len(one.other), one.unanswered)),
            *(f"{seconds:.2f}" for seconds in (one.slowest, one.greeting, one.recovery)),
            *map(str, (len(one.lost), len(one.broken))),
        )
        for what in (*one.other, *one.lost, *one.broken):
            CONSOLE.print("WRONG", one.name, what)
        if not one.felt:
            CONSOLE.print("NEVER FELT, so it proves nothing:", one.name)
    return table


def _flooded_table(floods: list[Flooded]) -> Table:
    table = Table(title="flooded, with a normal client beside it")
    table.add_column("flood", min_width=40)
    titles = "MB before|at most|quiet, ms|slowest, ms|messages|421|files left"
    for column in titles.split("|"):
        table.add_column(column, justify="right")
    for one in floods:
        table.add_row(
            one.name,
            f"{one.memory_before:.0f}",
            f"{one.memory_most:.0f}",
            f"{one.quiet * 1000:.0f}",
            f"{one.slowest * 1000:.0f}",
            *(f"{number:,}" for number in (one.messages, one.turned_away, one.left)),
        )
        if not one.good:
            CONSOLE.print("OUT OF BOUNDS", one)
    return table


if __name__ == "__main__":
    main()
