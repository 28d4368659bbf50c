"""Runs checks side by side, each within its own time limit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from twisted.internet.defer import CancelledError, Deferred, FirstError, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mailhost.concurrency.side_by_side import cause_of, side_by_side
from mailhost.doctor.causes import sift
from mailhost.doctor.finding import Fault, Finding, unknown

TIMED_OUT = Fault(
    "check-timed-out", "The fault may be in the part that this check could not examine."
)
BROKEN = Fault("check-broken", "The doctor has a fault itself, so its report is not complete.")

_log = Logger()


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `topic` is the heading of its findings in the report, `title` says what is tried,
    `seconds` is its time limit. `run` may be cancelled; it keeps its own shorter time limits where
    it knows what a timeout means. `delayed_by` are faults, found by other checks, that explain why
    this one has no result in time."""

    topic: str
    title: str
    seconds: float
    run: Callable[[], Awaitable[Sequence[Finding]]]
    delayed_by: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check that has ended. `broken` says that the check itself failed. `left_out` are findings
    that are not reported, since a finding of another check explains them."""

    check: Check
    findings: Sequence[Finding]
    broken: bool = False
    left_out: Sequence[Finding] = ()


async def run_checks(
    checks: Sequence[Check], clock: IReactorTime, ended: Callable[[CheckResult], None]
) -> list[CheckResult]:
    """Run all checks at once, and return their results in the order of `checks`. `ended` is called
    with each result when it is there, and before findings are left out that others explain."""

    async def run(check: Check) -> CheckResult:
        result = await _result(check, clock)
        ended(result)
        return result

    results = await side_by_side(map(run, checks))
    sifted = sift([each.findings for each in results])
    return [
        replace(result, findings=some.kept, left_out=some.left_out)
        for result, some in zip(results, sifted, strict=True)
    ]


async def findings_within_limit(check: Check, clock: IReactorTime) -> Sequence[Finding]:
    """Run a check, and return its findings; TIMED_OUT if they are not there within its time limit.
    Raises the exception of a check that fails itself."""
    running = Deferred.fromCoroutine(_findings(check))
    try:
        return await running.addTimeout(check.seconds, clock)
    except (TimeoutError, CancelledError):
        seen = f"no result within {check.seconds:g} s"
        remedy = "Try again; if this stays, look whether the network drops packets."
        fault = replace(TIMED_OUT, explained_by=check.delayed_by)
        return [unknown(fault, check.title, seen, remedy)]


async def _result(check: Check, clock: IReactorTime) -> CheckResult:
    try:
        return CheckResult(check, await findings_within_limit(check, clock))
    except Exception as error:  # noqa: BLE001 - a defect of one check leaves the others
        _log.failure("The check {title!r} failed", title=check.title)
        seen = f"the check failed: {str(error) or type(error).__name__}"
        remedy = "Report this with the traceback in the output: it is a defect of mailhost."
        return CheckResult(check, [unknown(BROKEN, check.title, seen, remedy)], broken=True)


async def _findings(check: Check) -> Sequence[Finding]:
    try:
        return await check.run()
    except FirstError as error:  # of a check that waits for several results
        cause_of(error).raiseException()
