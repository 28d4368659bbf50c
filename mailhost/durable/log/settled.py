"""Changes that are made without the log, of files that the log may know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from mailhost.durable.log.names import Settle, names_in_doubt, names_to_settle
from mailhost.interfaces.changes import Change

Run = Callable[[Sequence[Change]], Sequence[OSError | None]]


def settled_batch(settle: Settle, run: Run, changes: Sequence[Change]) -> list[OSError | None]:
    """Settle the files of changes, then make the changes by `run`. Return one result for each.

    If the files cannot be settled, their changes have failed, and the others are made."""
    wanted = [names_to_settle(change) for change in changes]
    fault = _settled(settle, wanted)
    if fault is None:
        results = list(run(changes))
    else:
        possible = [not each for each in wanted]
        made = iter(run([change for change, may in zip(changes, possible, strict=True) if may]))
        results = [next(made) if may else OSError(fault.errno, str(fault)) for may in possible]
    _settled(settle, map(names_in_doubt, changes, results))
    return results


def _settled(settle: Settle, wanted: Iterable[Iterable[str]]) -> OSError | None:
    """Settle names, and return why that failed."""
    names = {name for each in wanted for name in each}
    if names:
        try:
            settle(names)
        except OSError as error:
            return error
    return None
