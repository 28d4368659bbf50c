"""The services that operations on Maildirs need: clock, names, locks, durable changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailhost.durable.log.names import Settle, nothing_is_logged
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.changes import Change, Results
from mailhost.store.maildir.dotlock import Dotlocks


@dataclass(frozen=True, slots=True)
class Disk:
    """`commit` makes changes durable before it returns, as an ICommitter does. `hostname` goes into
    names of files, `now` returns the seconds since 1970. `settle` settles the log of the writer for
    files that are about to be changed without `commit`."""

    system: OperatingSystem
    dotlocks: Dotlocks
    commit: Callable[[Sequence[Change]], Results]
    hostname: str
    now: Callable[[], float]
    settle: Settle = nothing_is_logged
