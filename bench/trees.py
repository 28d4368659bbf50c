"""Compares two checkouts of mailhost: the same load on each in turn, and one against itself.

`python -m bench.trees OTHER [--rounds N] [--only WORDS] [--folder PATH]`. OTHER is a checkout with
a `.venv` of its own. Each round measures the other, this one, and the other again, on fresh hosts.
Two figures are compared for each kind of load: deliveries a second, and the processor time of all
processes of the host for a delivery. The last column is the other against itself: a difference
between the trees that is smaller than that one means nothing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.far_end import FarEnd
from bench.host import Mailhost
from bench.load import POLICIES, SLOW, WORKS, Sink, Work
from bench.place import add_folder_option, file_system, make_place
from bench.run import measure, port_for
from tests.child_processes import children

ROWS = (*WORKS, *POLICIES, *SLOW)
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Figures:
    """One run: deliveries a second, and milliseconds of processor time for a delivery."""

    rate: float
    cost: float


@dataclass(frozen=True, slots=True)
class Round:
    """Three runs in turn. A machine that becomes slower, or a disk that fills, favours the first of
    them, so this checkout is compared with the mean of the runs before and after it."""

    other: Figures
    this: Figures
    again: Figures

    @property
    def around(self) -> Figures:
        """The mean of the other checkout's two runs."""
        rate = (self.other.rate + self.again.rate) / 2
        return Figures(rate, (self.other.cost + self.again.cost) / 2)


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process and all its descendants, as far as it is counted."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    own = sum(map(int, stat[11:15])) / TICKS  # utime, stime, and those of dead children
    return own + sum(map(processor_seconds, children(pid)))


def wait_until_idle(pid: int) -> None:
    """Return when a host that has started has nothing more to do, such as to make its keys."""
    before = -1.0
    while (spent := processor_seconds(pid)) - before > 1 / TICKS:
        before = spent
        time.sleep(0.3)


def run(folder: Path, programs: Path, work: Work, sink: Sink) -> Figures:
    """Measure one fresh host."""
    to = sink if isinstance(sink, FarEnd) else sink.port
    syncs = str(work.sync_delay) if work.sync_delay else ""
    host = Mailhost(folder, to, programs=programs, syncs=syncs)
    host.start()
    wait_until_idle(host.pid)
    try:
        before = processor_seconds(host.pid)
        rate = measure(host, work, sink, port_for(work, host))
        spent = processor_seconds(host.pid) - before
    finally:
        host.stop()
    return Figures(rate, spent / work.deliveries * 1000)


def compare(work: Work, rounds: int, other: Path, sink: Sink, folder: Path) -> list[Round]:
    """Measure both trees in turn."""
    this = Path(sys.executable).parent
    found = []
    for number in range(rounds):
        place = folder / f"{ROWS.index(work)}-{number}"
        runs = [
            run(place / name, programs, work, sink)
            for name, programs in (("other", other), ("this", this), ("again", other))
        ]
        found.append(Round(*runs))
    return found


def row(work: Work, rounds: Sequence[Round]) -> tuple[str, ...]:
    """Return a line of the table: medians of the ratios, the lowest and highest in brackets."""
    return (
        work.name,
        f"{statistics.median(each.other.rate for each in rounds):,.0f}",
        _ratios([each.this.rate / each.around.rate for each in rounds]),
        _ratios([each.again.rate / each.other.rate for each in rounds]),
        f"{statistics.median(each.other.cost for each in rounds):.2f}",
        _ratios([each.this.cost / each.around.cost for each in rounds]),
        _ratios([each.again.cost / each.other.cost for each in rounds]),
    )


def _ratios(ratios: Sequence[float]) -> str:
    return f"{statistics.median(ratios):.3f} ({min(ratios):.2f} to {max(ratios):.2f})"


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--only", default="")
    add_folder_option(parser)
    wanted = parser.parse_args()
    programs = wanted.other.resolve() / ".venv" / "bin"
    if not (programs / "twistd").exists():
        sys.exit(f"bench: {programs} has no twistd: run `make test` in {wanted.other} once")
    folder = make_place(wanted.folder)
    title = f"this checkout against {wanted.other}, {wanted.rounds} rounds"
    shown = Table(title=f"{title}; {file_system(folder)}")
    for column in ("work", "other/s", "this", "itself", "other ms", "this ms", "itself ms"):
        shown.add_column(column, justify="left" if column == "work" else "right")
    sink, far_end = Sink(), FarEnd()
    try:
        for work in ROWS:
            if wanted.only in work.name:
                to = far_end if work.policy else sink
                shown.add_row(*row(work, compare(work, wanted.rounds, programs, to, folder)))
    finally:
        far_end.stop()
        sink.stop()
        shutil.rmtree(folder, ignore_errors=True)
    Console(width=140).print(shown)


if __name__ == "__main__":
    main()
