"""Runs every work on both hosts in turn, A B A B, and prints medians, and the median of the ratios.

`python -m bench.run [--rounds N] [--json FILE] [--only WORDS]`. Works are in `load`, hosts in
`host` and `postfix`.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.host import Mailhost
from bench.idle import kib_for_each
from bench.latency import NAME, added_latency, line
from bench.load import (
    IDLE,
    IDLE_POSTFIX,
    WORKS,
    Sink,
    Work,
    delivered,
    send,
    wait_until,
)
from bench.postfix import Postfix, can_log_in, installed

Host = Mailhost | Postfix


def port_for(work: Work, host: Host) -> int:
    """Where the load goes."""
    if work.proxied:
        return host.proxy_port
    return host.submission_port if work.submission else host.port


def measure(host: Host, work: Work, sink: Sink) -> float:
    """Return deliveries a second, from the first connection to the last copy in its place."""
    before = sink.count
    begun = time.monotonic()
    send(work, port_for(work, host))
    if work.foreign:
        wait_until(lambda: sink.count - before >= work.messages)
    else:
        wait_until(lambda: delivered(host.maildirs) >= work.deliveries)
    return work.deliveries / (time.monotonic() - begun)


def compare(work: Work, rounds: int, sink: Sink, folder: Path) -> dict[str, object]:
    """Measure both hosts in turn and return the figures."""
    figures: dict[str, list[float]] = {"mailhost": [], "postfix": []}
    for number in range(rounds):
        for kind, make in (("mailhost", Mailhost), ("postfix", Postfix)):
            if make is Postfix and not (can_log_in() if work.submission else installed()):
                continue
            place = folder / f"{kind}-{WORKS.index(work)}-{number}"
            host = make(place, sink.port)
            host.start()
            try:
                figures[kind].append(measure(host, work, sink))
            finally:
                host.stop()
    medians = {kind: statistics.median(values) for kind, values in figures.items() if values}
    pairs = zip(figures["mailhost"], figures["postfix"], strict=False)
    ratios = [ours / theirs for ours, theirs in pairs]
    ratio = statistics.median(ratios) if ratios else None
    return {
        "work": work.name,
        "figures": figures,
        "medians": medians,
        "ratio": ratio,
        "least": work.least,
        "aim": work.aim,
    }


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


def apart(folder: Path) -> None:
    """Have each host's files lie in block groups of their own, where the file system is ext4: it
    passes over inodes that were freed a moment ago, and the other host's run freed many."""
    subprocess.run(["chattr", "+T", str(folder)], check=False, capture_output=True)


def table(results: Sequence[dict[str, object]]) -> Table:
    """Return the results for people."""
    python = f"Python {platform.python_version()} of {sys.base_prefix}"
    shown = Table(title=f"deliveries a second, medians; {python}")
    for column in ("work", "mailhost", "Postfix", "ratio", "least", "aim"):
        shown.add_column(column, justify="left" if column == "work" else "right")
    for result in results:
        medians = result["medians"]
        assert isinstance(medians, dict)
        ratio = result["ratio"]
        shown.add_row(
            str(result["work"]),
            _figure(medians["mailhost"]),
            _figure(medians["postfix"]) if "postfix" in medians else "not installed",
            f"{ratio:.2f}" if isinstance(ratio, float) else "",
            str(result["least"]),
            str(result["aim"]),
        )
    return shown


def _figure(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:,.1f}"


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=Path("bench.json"))
    parser.add_argument("--only", default="")
    wanted = parser.parse_args()
    if shutil.which("smtp-source", path="/usr/sbin:/usr/bin") is None:
        sys.exit("bench: needs smtp-source, from Debian's package: apt-get install postfix")
    if not installed():
        print("Postfix is measured only by root: mailhost alone is.", file=sys.stderr)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir="/var/tmp"))
    folder.chmod(0o755)  # Postfix works as its own user
    apart(folder)
    sink = Sink()
    try:
        results = [
            compare(work, wanted.rounds, sink, folder) for work in WORKS if wanted.only in work.name
        ]
        if wanted.only in "idle":
            results.append(idle(sink, folder))
        latency = added_latency(wanted.rounds, sink, folder) if wanted.only in NAME else None
    finally:
        sink.stop()
        shutil.rmtree(folder, ignore_errors=True)
    Console().print(table(results))
    if latency is not None:
        print(line(latency))
        results.append(latency)
    wanted.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
