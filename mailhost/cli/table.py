"""Lists for people and for programs: a table, or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import click

_WIDEST = 10_000  # columns, where the output is no terminal: a row stays one line


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str) -> None:
    """Print rows below their columns' names; `empty` where there are none."""
    if not rows:
        click.echo(empty)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    width = None if sys.stdout.isatty() else _WIDEST
    Console(file=sys.stdout, width=width).print(table)


def plain(value: object) -> str:
    """Text that cannot steer a terminal: what came over the wire may try."""
    text = "" if value is None else str(value)
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def size(octets: int) -> str:
    """A number of bytes for people: `12.3 kB`."""
    if octets < 1000:
        return f"{octets} B"
    amount = float(octets)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 999.95:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1000:.1f} TB"
