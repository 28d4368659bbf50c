"""Measures mailhost beside what is possible at most, in turn, and prints deliveries a second.

`python -m bench.ceilings [--rounds N] [--only WORDS] [--folder PATH]`. The others are mailhost that
never syncs, and two minimal SMTP servers: one durable as mailhost without a log is, one with a log.
Each host gets a load once before it is measured.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.ceilings import server
from bench.host import Mailhost
from bench.load import ADDRESS, WORKS, Sink, Work
from bench.place import add_folder_option, file_system, make_place
from bench.preload.sitecustomize import SKIP
from bench.run import measure
from tests.end_to_end.running import free_port

ROWS = tuple(
    work
    for work in WORKS
    if work.size == 4000 and work.sessions in (1, 20) and work.name.startswith("local")
)


class Minimal:
    """A minimal server of a kind. It has no use for the sink's port."""

    def __init__(self, folder: Path, sink: int, kind: str) -> None:
        self.port = free_port(ADDRESS)
        self.maildirs = folder
        self._kind = kind
        self._process: subprocess.Popen[str] | None = None
        folder.mkdir(parents=True)

    def start(self) -> None:
        """Start it, and return when it is ready. Raises RuntimeError."""
        command = [sys.executable, "-m", server.__name__, self._kind, str(self.port)]
        self._process = subprocess.Popen(
            [*command, str(self.maildirs)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != server.READY:
            raise RuntimeError(f"the minimal server {self._kind} does not start")

    def stop(self) -> None:
        """Stop it."""
        if self._process is not None:
            self._process.terminate()
            self._process.communicate(timeout=60)


KINDS: dict[str, Callable[[Path, int], Mailhost | Minimal]] = {
    "mailhost": Mailhost,
    "without syncs": partial(Mailhost, syncs=SKIP),
    "minimal, synced": partial(Minimal, kind="synced"),
    "minimal, with a log": partial(Minimal, kind="logged"),
}


def compare(work: Work, rounds: int, sink: Sink, folder: Path) -> dict[str, list[float]]:
    """Measure all kinds in turn."""
    figures: dict[str, list[float]] = {name: [] for name in KINDS}
    for number in range(rounds):
        for name, make in KINDS.items():
            host = make(folder / f"{name}-{ROWS.index(work)}-{number}", sink.port)
            host.start()
            try:
                measure(host, work, sink)
                figures[name].append(measure(host, work, sink))
            finally:
                host.stop()
    return figures


def row(work: Work, figures: dict[str, list[float]]) -> tuple[str, ...]:
    """Return a line of the table: medians, and in brackets the median ratio to mailhost."""
    mailhost, *others = figures.values()
    cells = [f"{statistics.median(mailhost):,.0f}"]
    for each in others:
        ratio = statistics.median(one / other for one, other in zip(each, mailhost, strict=True))
        cells.append(f"{statistics.median(each):,.0f} ({ratio:.2f})")
    return work.name, *cells


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--only", default="")
    add_folder_option(parser)
    wanted = parser.parse_args()
    folder = make_place(wanted.folder)
    python, disk = f"Python {platform.python_version()} of {sys.base_prefix}", file_system(folder)
    load = f"load {os.getloadavg()[1]:.1f} before it began"
    shown = Table(title=f"deliveries a second, medians; {python}; {disk}; {load}")
    for column in ("work", *KINDS):
        shown.add_column(column, justify="left" if column == "work" else "right")
    sink = Sink()
    try:
        for work in ROWS:
            if wanted.only in work.name:
                shown.add_row(*row(work, compare(work, wanted.rounds, sink, folder)))
    finally:
        sink.stop()
        shutil.rmtree(folder, ignore_errors=True)
    Console(width=140).print(shown)


if __name__ == "__main__":
    main()
