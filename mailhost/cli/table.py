"""Prints lists, as a table for the operator or as JSON for programs."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.text import Text

USUAL_WIDTH = 80  # columns
_WIDEST = 10_000  # columns if the output is no terminal, so that each row is one line
_BETWEEN = 2  # blanks between columns
_LEAST = 8  # the least width of a shortened cell, in columns


def print_json(value: Any) -> None:
    """Print a value as JSON. Characters that `plain` replaces are escaped, so that no text is
    lost."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    click.echo("\n".join(map(_escaped, text.split("\n"))))


def _escaped(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in line)


def terminal_width() -> int | None:
    """Return the number of columns of the terminal, None if the output is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def text_width() -> int:
    """Return the number of columns for folded text: that of the terminal, USUAL_WIDTH if the output
    is no terminal."""
    return terminal_width() or USUAL_WIDTH


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], empty: str, cut: Sequence[str] = ()
) -> None:
    """Print rows below the names of the columns, or the text `empty` if there are none.

    Cells that are too wide for the terminal are folded; cells of the columns in `cut` are shortened
    instead.
    """
    if not rows:
        click.echo(empty)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    cells = [[Text(plain(cell)) for cell in row] for row in rows]
    width = terminal_width()
    if width is not None and cut:
        _cut([columns.index(name) for name in cut], columns, cells, width)
    for row in cells:
        table.add_row(*row)
    Console(file=sys.stdout, width=width or _WIDEST).print(table)


def _cut(
    numbers: Sequence[int], columns: Sequence[str], rows: Sequence[Sequence[Text]], width: int
) -> None:
    """Shorten the cells of some columns so that all columns fit, the widest most."""
    widths = [
        max(len(name), *(row[number].cell_len for row in rows))
        for number, name in enumerate(columns)
    ]
    fixed = sum(each for number, each in enumerate(widths) if number not in numbers)
    room = width - fixed - _BETWEEN * (len(columns) - 1)
    for left, number in zip(
        range(len(numbers), 0, -1), sorted(numbers, key=widths.__getitem__), strict=True
    ):
        share = max(min(widths[number], room // left), _LEAST)
        room -= share
        for row in rows:
            row[number].truncate(share, overflow="ellipsis")


def plain(value: object) -> str:
    """Return a value as text without control characters, since text of clients may control a
    terminal."""
    text = "" if value is None else str(value)
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


def counted(count: int, noun: str) -> str:
    """A count with its noun: `1 message`, `2 messages`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def size(octets: int) -> str:
    """Return a number of octets in a short form, such as `12.3 kB`."""
    if octets < 1000:
        return f"{octets} B"
    amount = float(octets)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 999.95:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1000:.1f} TB"


def span(seconds: float) -> str:
    """Return a time in its largest unit, such as `5 min`."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(int(seconds), 0)} s"
