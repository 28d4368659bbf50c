"""Shows on a terminal which checks of the doctor have ended."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from mailhost.doctor.checks import CheckResult


@contextmanager
def shown_progress(count: int) -> Iterator[Callable[[CheckResult], None]]:
    """Give the function to call with each result; the progress is erased at the end."""
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as progress:
        task = progress.add_task("", total=count)

        def ended(result: CheckResult) -> None:
            progress.update(task, advance=1, description=escape(result.check.title))

        yield ended
