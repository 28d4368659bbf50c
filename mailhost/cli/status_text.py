"""The screen of `mailhost status`, from its JSON: 24 lines of 80 columns for a usual host."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from mailhost.cli.table import counted, size, span

_LABEL = 11  # columns
_MOST_NAMES = 4  # of faults
_FEW_DAYS = 14  # of a certificate


def status_lines(status: dict[str, Any], width: int) -> Iterator[str]:
    """Yield the lines of the screen."""
    up = f", up {span(status['uptime'])}"
    yield f"mailhost {status['version']} on {status['hostname']}{up}"
    for label, parts in (
        ("Processes", _processes(status)),
        ("Sessions", [_sessions(status)]),
        ("Queue", _queue(status["queue"])),
        ("Disk", _disk(status["disk"])),
        ("TLS", [_certificate(each) for each in status["certificates"]]),
        ("Counts", [f"{name.replace('_', ' ')} {n}" for name, n in status["totals"].items()]),
        ("Doctor", _findings(status.get("doctor"))),
    ):
        yield from _wrapped(label, parts, width)
    yield from _listeners(status["listeners"])


def _processes(status: dict[str, Any]) -> Iterator[str]:
    for each in status["processes"]:
        silent = ", does not answer" if each["pid"] in status["silent"] else ""
        yield f"{each['role']} {each['pid']}{_memory(each)}{silent}"
    writer = status["writer"]
    if writer:
        yield f"writer {writer['pid']}{_memory(writer)}{_batch(writer)}"


def _memory(process: dict[str, Any]) -> str:
    return f" {size(process['memory'])}" if process["memory"] is not None else ""


def _batch(writer: dict[str, Any]) -> str:
    """Return how long a batch of the writer takes on average; nothing before the first one."""
    if not writer.get("batches"):
        return ""
    return f", {1000 * writer['seconds'] / writer['batches']:.1f} ms a batch"


def _sessions(status: dict[str, Any]) -> str:
    each = [process["connections"] for process in status["processes"]]
    by_process = f" ({' + '.join(map(str, each))})" if len(each) > 1 else ""
    return f"{sum(each)} of at most {status['most_connections']}{by_process}"


def _queue(states: dict[str, Any]) -> list[str]:
    return [
        f"{found['count']} {state}{_oldest(found['age'])}" for state, found in states.items()
    ] or ["empty"]


def _oldest(age: float | None) -> str:
    return "" if age is None else f" (oldest {span(age)})"


def _disk(disk: dict[str, Any] | None) -> Iterator[str]:
    if disk is None:
        yield "WARNING: the disk of the data folder does not answer"
        return
    space, inodes = _share(disk["free"], disk["size"]), _share(disk["inodes_free"], disk["inodes"])
    warning = "WARNING: " if disk.get("low") else ""
    yield f"{warning}{size(disk['free'])} free of {size(disk['size'])} ({space:.0%})"
    yield f"inodes {inodes:.0%} free"
    yield f"in {disk['folder']}"


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0  # some file systems count no inodes


def _certificate(each: dict[str, Any]) -> str:
    names, days = each["names"], each["days"]
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    warning = "WARNING: " if days < _FEW_DAYS else ""
    left = f"{counted(days, 'day')} left" if days >= 0 else f"expired {counted(-days, 'day')} ago"
    return f"{warning}{names[0] if names else 'no name'}{more}, {left}"


def _findings(doctor: dict[str, Any] | None) -> list[str]:
    """Return the faults of the last daily run by their names; nothing where there was no run."""
    if doctor is None:
        return []
    names = list(dict.fromkeys(f"{each['verdict']} {each['name']}" for each in doctor["findings"]))
    more = [f"and {len(names) - _MOST_NAMES} more"] if len(names) > _MOST_NAMES else []
    return [f"{span(doctor['age'])} ago", *(names[:_MOST_NAMES] or ["all was fine"]), *more]


def _listeners(listeners: Sequence[dict[str, Any]]) -> Iterator[str]:
    rows = [("Listener", "address", "TLS", "sessions")]
    rows += [
        (each["protocol"], each["address"], each["tls"], str(each["sessions"]))
        for each in listeners
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _wrapped(label: str, parts: Iterator[str] | Sequence[str], width: int) -> list[str]:
    """Return a label with its parts behind it; a part is broken only if it is too wide."""
    text = "; ".join(part.replace(" ", "\xa0") for part in parts)
    if not text:
        return []
    lines = textwrap.wrap(
        text,
        width,
        initial_indent=f"{label:<{_LABEL}}",
        subsequent_indent=" " * _LABEL,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace("\xa0", " ") for line in lines]
