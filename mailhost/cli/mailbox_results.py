"""The output of an import and an export: bars while they run, a table at the end."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from mailhost.cli.context import Fail
from mailhost.cli.table import counted, plain, print_json, print_table
from mailhost.store.exchange.progress import Result

MOST_SHOWN = 20  # messages that could not be read


class Bars:
    """A bar for each folder, on a terminal; nothing elsewhere. A TransferProgress, to be
    used in `with`."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(file=sys.stderr)
        self._bars = Progress(console=console, disable=not sys.stderr.isatty())
        self._task: Any = None

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def begin(self, folder: str, messages: int) -> None:
        """See TransferProgress."""
        from rich.markup import escape

        self._task = self._bars.add_task(escape(plain(folder)), total=messages)

    def advance(self, messages: int) -> None:
        """See TransferProgress."""
        self._bars.advance(self._task, messages)


def print_results(results: Sequence[Result], done: str, as_json: bool) -> None:
    """Print what became of each folder. Raises Fail where messages could not be read."""
    if as_json:
        print_json(
            [
                {
                    "folder": each.folder,
                    done: each.moved,
                    "known": each.known,
                    "unreadable": list(each.unreadable),
                    "kept_uids": each.kept_uids,
                }
                for each in results
            ]
        )
    elif done == "imported":
        rows = [
            (each.folder, each.moved, each.known, "kept" if each.kept_uids else "-")
            for each in results
        ]
        print_table(("folder", done, "there before", "UIDs"), rows, "there is no mail")
    else:
        cells = [(each.folder, each.moved, each.known) for each in results]
        print_table(("folder", done, "there before"), cells, "there is no mail")
    unreadable = [text for each in results for text in each.unreadable]
    if unreadable:
        shown = "\n".join(map(plain, unreadable[:MOST_SHOWN]))
        raise Fail(f"{counted(len(unreadable), 'message')} cannot be read:\n{shown}")
