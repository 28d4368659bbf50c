"""Changes that are made without the log, of files that the log may know."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mailhost.durable.log.names import Settle, names_to_settle
from mailhost.interfaces.changes import Change


def settled_batch(
    settle: Settle,
    run: Callable[[Sequence[Change]], Sequence[OSError | None]],
    changes: Sequence[Change],
) -> list[OSError | None]:
    """Settle the files of changes, then make the changes by `run`. Return one result for each.

    If the files cannot be settled, their changes have failed, and the others are made."""
    wanted = [names_to_settle(change) for change in changes]
    names = {name for each in wanted for name in each}
    fault: OSError | None = None
    if names:
        try:
            settle(names)
        except OSError as error:
            fault = error
    if fault is None:
        return list(run(changes))
    possible = [not each for each in wanted]
    made = iter(run([change for change, may in zip(changes, possible, strict=True) if may]))
    return [next(made) if may else OSError(fault.errno, str(fault)) for may in possible]
