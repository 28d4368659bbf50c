"""`python -m tests.trial --jobs=N ...`: trial in processes that get whole groups of tests.

Trial gives each test to the process that is free, so hosts that the tests of a class share would be
started once in each process. Here the tests of a module, or those of all classes that share a host
(see `group` in `end_to_end/shared`), run in one process, in their order. Those that start
hosts begin first: some of them take a minute, and would run alone at the end.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Any

from twisted.python.failure import Failure
from twisted.scripts import trial
from twisted.trial._dist.disttrial import DistTrialRunner

WITH_HOSTS = ("tests.soak", "tests.end_to_end")


def groups_of(cases: Iterable[Any]) -> list[list[Any]]:
    """Return the tests in their groups, in the order of the first test of each, and those that
    start hosts before the others."""
    groups: dict[Hashable, list[Any]] = {}
    for case in cases:
        groups.setdefault(getattr(case, "group", type(case).__module__), []).append(case)
    return sorted(groups.values(), key=lambda group: not _starts_hosts(group[0]))


def _starts_hosts(case: Any) -> bool:
    return type(case).__module__.startswith(WITH_HOSTS)


class GroupedRunner(DistTrialRunner):
    """Gives each process the next group as soon as it is free."""

    _groups: Iterator[list[Any]] | None = None

    async def _driveWorker(self, result: Any, testCases: Iterable[Any], worker: Any) -> None:
        if self._groups is None:
            self._groups = iter(groups_of(testCases))
        for group in self._groups:
            for case in group:
                if self._exitFirst and not result.original.wasSuccessful():
                    return
                try:
                    await worker.run(case, result)
                except Exception:  # noqa: BLE001 - as trial does it
                    result.original.addError(case, Failure())


if __name__ == "__main__":
    trial.DistTrialRunner = GroupedRunner  # type: ignore[attr-defined] # imported there
    trial.run()
