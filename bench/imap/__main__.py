"""Runs every work on both hosts in turn, A B A B, and prints medians, and the ratios.

`python -m bench.imap [--rounds N] [--scale 0.1] [--only WORDS] [--json FILE] [--folder PATH]`.
Both hosts run all the time; one is idle while the other is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.imap.client import Refused
from bench.imap.connections import Idle, idle_memory, latency
from bench.imap.hosts import Dovecot, Host, Mailhost, can_run_dovecot
from bench.imap.mail import Filler
from bench.imap.works import Sizes, Work, fill, users, works
from bench.place import add_folder_option, file_system, make_place

Result = dict[str, object]


def compare(work: Work, hosts: Sequence[Host], sizes: Sizes, rounds: int) -> Result:
    """Measure the hosts in turn, and return the figures in seconds."""
    figures: dict[str, list[float]] = {host.name: [] for host in hosts}
    for number in range(rounds):
        for host in hosts:
            try:
                figures[host.name].append(work.run(host, sizes, number))
            except Refused as refusal:
                print(f"{host.name}: {work.name}: {refusal}", file=sys.stderr)
    medians = {name: statistics.median(values) for name, values in figures.items() if values}
    pairs = zip(figures["mailhost"], figures.get("Dovecot", ()), strict=False)
    ratios = [theirs / ours for ours, theirs in pairs]
    print(work.name, medians, file=sys.stderr)  # the table comes at the end
    result = {"work": work.name, "figures": figures, "medians": medians, "ratios": ratios}
    return {**result, "least": work.least, "aim": work.aim}


def table(results: Sequence[Result], disk: str) -> Table:
    """Return the results for people. The worst of a round's ratios stands in brackets.

    `disk` is the kind of file system.
    """
    python = f"Python {platform.python_version()} of {sys.base_prefix}"
    load = os.getloadavg()[1]
    conditions = f"{disk}; load {load:.1f} of other work included"
    shown = Table(title=f"milliseconds, medians; {python}; {conditions}")
    for column in ("work", "mailhost", "Dovecot", "ratio (worst)", "least", "aim"):
        shown.add_column(column, justify="left" if column == "work" else "right")
    for result in results:
        medians, ratios = result["medians"], result["ratios"]
        assert isinstance(medians, dict)
        assert isinstance(ratios, list)
        ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f})" if ratios else ""
        cells = [_milliseconds(medians.get(name)) for name in ("mailhost", "Dovecot")]
        shown.add_row(str(result["work"]), *cells, ratio, str(result["least"]), str(result["aim"]))
    return shown


def _milliseconds(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1000:,.0f}" if seconds >= 0.1 else f"{seconds * 1000:,.1f}"


def measure(wanted: argparse.Namespace, folder: Path) -> list[Result]:
    """Make the mail, start the hosts, and run all works and what is measured of connections."""
    sizes, idle = Sizes().scaled(wanted.scale), Idle().scaled(wanted.scale)
    hosts: list[Host] = [
        Mailhost(folder / "mailhost", [*users(sizes, wanted.rounds), *idle.users()])
    ]
    if can_run_dovecot():
        hosts.append(Dovecot(folder / "dovecot"))
    for host in hosts:
        filler = Filler(folder / f"files-{host.name}", host.crlf, host.owner)
        fill(host, filler, sizes, wanted.rounds)
        idle.fill(host, filler)
    results = []
    try:
        for host in hosts:
            host.start()
        for work in works(sizes):
            if wanted.only in work.name:
                results.append(compare(work, hosts, sizes, wanted.rounds))
        Console(width=120).print(table(results, file_system(folder)))
        if wanted.only in "memory":
            results.append(idle_memory(hosts, idle))
        if wanted.only in "latency":
            results.append(latency(hosts[0], idle))
    finally:
        for host in hosts:
            host.stop()
    return results


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="0.1 for a run of two minutes")
    parser.add_argument("--only", default="", help="part of a work's name, or memory, or latency")
    parser.add_argument("--json", type=Path, default=Path("bench-imap.json"))
    add_folder_option(parser)
    wanted = parser.parse_args()
    if not can_run_dovecot():
        print("Dovecot is measured only by root: mailhost alone is.", file=sys.stderr)
    folder = make_place(wanted.folder)
    try:
        results = measure(wanted, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    wanted.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
