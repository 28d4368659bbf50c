"""The differences between two runs of the checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.checks import Check, CheckResult
from mailhost.doctor.daily.changes import Changes, KnownFinding, changes
from mailhost.doctor.finding import Fault, Finding, failure, ok, unknown, warning

PTR = Fault("ptr-missing", "It matters.")
DISK = Fault("disk-space-low", "It matters.")


async def nothing() -> Sequence[Finding]:
    """The checks have run already."""
    return ()


def results(*findings: Finding, title: str = "name") -> list[CheckResult]:
    """Of one check."""
    return [CheckResult(Check("Host", title, 1.0, nothing), findings)]


def ptr(seen: str = "none") -> Finding:
    """A failure."""
    return failure(PTR, "reverse name of 192.0.2.1", seen, "Set it.")


class ChangesTests(SynchronousTestCase):
    def after(self, *runs: list[CheckResult]) -> Changes:
        """The changes of the last run."""
        known: Sequence[KnownFinding] = ()
        for run in runs[:-1]:
            known = changes(known, run).known
        return changes(known, runs[-1])

    def test_the_first_run(self) -> None:
        found = self.after(results(ok("a", "fine"), ptr()))
        self.assertEqual(((ptr(),), ()), (found.appeared, found.gone))

    def test_the_same_again(self) -> None:
        """The text `seen` may have another number."""
        found = self.after(results(ptr("1")), results(ptr("2")))
        self.assertEqual(((), ()), (found.appeared, found.gone))

    def test_gone(self) -> None:
        found = self.after(results(ptr()), results(ok("a", "fine")))
        self.assertEqual(((), ("doctor/ptr-missing",)), (found.appeared, self.names(found)))
        self.assertEqual((), found.known)

    def test_another_verdict(self) -> None:
        low = results(warning(DISK, "space", "2 GB", "Free some."))
        full = failure(DISK, "space", "0 GB", "Free some.")
        found = self.after(low, results(full))
        self.assertEqual(((full,), ()), (found.appeared, found.gone))

    def test_a_finding_that_another_one_explains_changes_nothing(self) -> None:
        [silent] = results(title="name")
        found = self.after(results(ptr()), [replace(silent, left_out=[ptr()])])
        self.assertEqual(((), ()), (found.appeared, found.gone))
        self.assertEqual(1, len(found.known))

    def test_a_check_that_could_not_tell_changes_nothing(self) -> None:
        silent = results(unknown(PTR, "reverse name of 192.0.2.1", "no answer", "Wait."))
        found = self.after(results(ptr()), silent)
        self.assertEqual(((), ()), (found.appeared, found.gone))
        found = self.after(results(ptr()), silent, results(ptr()))
        self.assertEqual(((), ()), (found.appeared, found.gone))
        found = self.after(results(ptr()), silent, results(ok("a", "fine")))
        self.assertEqual(["doctor/ptr-missing"], list(self.names(found)))

    def names(self, found: Changes) -> tuple[str, ...]:
        return tuple(each.name for each in found.gone)
