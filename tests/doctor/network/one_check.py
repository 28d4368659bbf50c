"""Runs one check whose services answer at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from twisted.internet.defer import Deferred, succeed

from mailhost.doctor.checks import Check
from mailhost.doctor.finding import Finding
from tests.fakes import now

T = TypeVar("T")


def findings_of(check: Check) -> Sequence[Finding]:
    """Return the findings of a check."""

    async def run() -> Sequence[Finding]:
        return await check.run()

    found: Sequence[Finding] = now(run())
    return found


def at_once(work: Callable[[], T], /) -> Deferred[T]:
    """Run blocking work in this thread."""
    return succeed(work())
