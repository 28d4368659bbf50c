"""Runs every work on both hosts in turn, A B A B, and prints medians, and the median of the ratios.

`python -m bench.run [--rounds N] [--json FILE] [--only WORDS] [--folder PATH]`. Works are in
`load`, hosts in `host` and `postfix`. Each host is measured twice: when it was just started, and at
once again.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.table import Table

from bench.host import Mailhost
from bench.idle import kib_for_each
from bench.latency import NAME, added_latency, line
from bench.load import (
    IDLE,
    IDLE_POSTFIX,
    SLOW,
    WORKS,
    Sink,
    Work,
    delivered,
    send,
    wait_until,
)
from bench.place import add_folder_option, file_system, make_place
from bench.postfix import Postfix, can_log_in, installed

Host = Mailhost | Postfix
Figures = dict[str, list[float]]  # of each round, by the host's name
ROWS = (*WORKS, *SLOW)
ITSELF = "usual syncs"  # mailhost beside mailhost whose syncs are slower
COLUMNS = (
    "work", "mailhost", "Postfix", "ratio", "warm mailhost", "warm Postfix", "warm ratio", "least",
    "aim",
)  # fmt: skip


class Measured(Protocol):
    """A host that takes mail at `port`, and delivers into folders below `maildirs`."""

    port: int

    @property
    def maildirs(self) -> Path:
        """The folder of the Maildirs."""


def port_for(work: Work, host: Host) -> int:
    """Where the load goes."""
    if work.proxied:
        return host.proxy_port
    return host.submission_port if work.submission else host.port


def measure(host: Measured, work: Work, sink: Sink, port: int = 0) -> float:
    """Return deliveries a second, from the first connection to the last copy in its place.

    `port` is another one than that of the host for mail.
    """
    relayed, lying = sink.count, delivered(host.maildirs)
    begun = time.monotonic()
    send(work, port or host.port)
    if work.foreign:
        wait_until(lambda: sink.count - relayed >= work.messages)
    else:
        wait_until(lambda: delivered(host.maildirs) - lying >= work.deliveries)
    return work.deliveries / (time.monotonic() - begun)


def contenders(work: Work) -> dict[str, Callable[[Path, int], Host]]:
    """Return the hosts of a row, by name: each is made from its folder and the port of the sink."""
    if work.sync_delay:
        return {"mailhost": partial(Mailhost, syncs=str(work.sync_delay)), ITSELF: Mailhost}
    if can_log_in() if work.submission else installed():
        return {"mailhost": Mailhost, "postfix": Postfix}
    return {"mailhost": Mailhost}


def compare(work: Work, rounds: int, sink: Sink, folder: Path) -> dict[str, object]:
    """Measure the hosts in turn and return the figures: each host when it was just started, and at
    once again, when it is warm."""
    cold: Figures = {}
    warm: Figures = {}
    for number in range(rounds):
        for kind, make in contenders(work).items():
            host = make(folder / f"{kind}-{ROWS.index(work)}-{number}", sink.port)
            host.start()
            try:
                for figures in (cold, warm):
                    rate = measure(host, work, sink, port_for(work, host))
                    figures.setdefault(kind, []).append(rate)
            finally:
                host.stop()
    bounds = {} if work.sync_delay else {"least": work.least, "aim": work.aim}
    return {"work": work.name, **summary(cold), "warm": summary(warm), **bounds}


def summary(figures: Figures) -> dict[str, object]:
    """Return the figures with their medians, and the median of the ratios of each round."""
    medians = {kind: statistics.median(values) for kind, values in figures.items()}
    ours, *theirs = figures.values()
    ratios = [one / other for one, other in zip(ours, *theirs, strict=True)] if theirs else []
    ratio = statistics.median(ratios) if ratios else None
    return {"figures": figures, "medians": medians, "ratio": ratio}


def idle(sink: Sink, folder: Path) -> dict[str, object]:
    """Measure what an idle connection costs; the ratio is how many of ours one of Postfix's is."""
    medians = {}
    for kind, make, number in (("mailhost", Mailhost, IDLE), ("postfix", Postfix, IDLE_POSTFIX)):
        if make is Postfix and not installed():
            continue
        host = make(folder / f"{kind}-idle", sink.port)
        host.start()
        try:
            medians[kind] = kib_for_each(host.port, host.pid, number)
        finally:
            host.stop()
    ratio = medians["postfix"] / medians["mailhost"] if "postfix" in medians else None
    name = f"KiB for each of {IDLE:,} idle connections"
    return {"work": name, "medians": medians, "ratio": ratio, "least": "8 KiB", "aim": "3 KiB"}


def table(results: Sequence[dict[str, object]], disk: str) -> Table:
    """Return the results for people. `disk` is the kind of file system."""
    python = f"Python {platform.python_version()} of {sys.base_prefix}"
    shown = Table(title=f"deliveries a second, medians; {python}; {disk}")
    for column in COLUMNS:
        shown.add_column(column, justify="left" if column == "work" else "right")
    for result in results:
        bounds = (str(result.get(name, "")) for name in ("least", "aim"))
        warm = result.get("warm")
        cells = _cells(warm) if isinstance(warm, dict) else ("", "", "")
        shown.add_row(str(result["work"]), *_cells(result), *cells, *bounds)
    return shown


def _cells(result: dict[str, object]) -> tuple[str, str, str]:
    """The cells of one state, cold or warm: mailhost's figure, the other's, and the ratio."""
    medians, ratio = result["medians"], result["ratio"]
    assert isinstance(medians, dict)
    shown = f"{ratio:.2f}" if isinstance(ratio, float) else ""
    if ITSELF in medians:
        return _figure(medians["mailhost"]), f"{ITSELF}: {_figure(medians[ITSELF])}", shown
    other = _figure(medians["postfix"]) if "postfix" in medians else "not installed"
    return _figure(medians["mailhost"]), other, shown


def _figure(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:,.1f}"


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=Path("bench.json"))
    parser.add_argument("--only", default="")
    add_folder_option(parser)
    wanted = parser.parse_args()
    if shutil.which("smtp-source", path="/usr/sbin:/usr/bin") is None:
        sys.exit("bench: needs smtp-source, from Debian's package: apt-get install postfix")
    if not installed():
        print("Postfix is measured only by root: mailhost alone is.", file=sys.stderr)
    folder = make_place(wanted.folder)
    disk = file_system(folder)
    sink = Sink()
    try:
        results = [
            compare(work, wanted.rounds, sink, folder) for work in ROWS if wanted.only in work.name
        ]
        if wanted.only in "idle":
            results.append(idle(sink, folder))
        latency = added_latency(wanted.rounds, sink, folder) if wanted.only in NAME else None
    finally:
        sink.stop()
        shutil.rmtree(folder, ignore_errors=True)
    Console(width=140).print(table(results, disk))
    if latency is not None:
        print(line(latency))
        results.append(latency)
    wanted.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
