"""The time that the proxy adds to a message, with one session."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from bench.host import Mailhost
from bench.load import FOREIGN, Sink, Work, send

NAME = "proxy, added latency, 1 session"
MESSAGES = 300


def added_latency(rounds: int, sink: Sink, folder: Path) -> dict[str, object]:
    """Return medians in milliseconds a message, in turn without and with the proxy, on a
    connection for each message and on kept ones."""
    host = Mailhost(folder / "latency", sink.port)
    host.start()
    try:
        found = {
            name: _of(kept, rounds, sink.port, host.proxy_port)
            for name, kept in (("a connection each", False), ("kept", True))
        }
    finally:
        host.stop()
    return {"work": NAME, "milliseconds": found}


def _of(kept: bool, rounds: int, straight: int, proxied: int) -> dict[str, float]:
    work = Work(FOREIGN, 1, MESSAGES, kept=kept, foreign=True)
    times: dict[int, list[float]] = {straight: [], proxied: []}
    for _ in range(rounds):
        for port, each in times.items():
            begun = time.monotonic()
            send(work, port)
            each.append((time.monotonic() - begun) * 1000 / MESSAGES)
    without, with_proxy = (statistics.median(each) for each in times.values())
    return {"without": without, "with": with_proxy, "added": with_proxy - without}


def line(result: dict[str, object]) -> str:
    """Return the result for people."""
    kinds = result["milliseconds"]
    assert isinstance(kinds, dict)
    text = [
        f"{kind} {each['added']:.2f} ms ({each['with']:.2f} with it, {each['without']:.2f} without)"
        for kind, each in kinds.items()
    ]
    return f"{result['work']}: " + "; ".join(text)
