"""The values and checks that reports of every kind share."""

from __future__ import annotations

DAY = 86_400  # seconds, the period of a report
LONGEST_PERIOD = 32 * DAY  # seconds of a report that is believed


class BadReport(ValueError):
    """Not a report of the expected kind, or one that cannot be read or believed; the text of the
    exception says why."""


class NoReport(BadReport):
    """A message without a report of the expected kind; it may have one of another kind."""


class NotNow(Exception):
    """A report cannot be sent for a reason that may pass; the text of the exception has it."""


class NotSent(Exception):
    """A destination gets no report; the text of the exception says why."""


def check_period(begin: int, end: int, now: float) -> None:
    """Check the period of a report, in seconds since 1970. One in the future would count as the
    newest for ever. Raises BadReport."""
    if end > now + 2 * DAY or end - begin > LONGEST_PERIOD:
        raise BadReport("its period is in the future, or longer than a month")


def fault_text(error: BaseException | None) -> str:
    """Return an unexpected exception as text for the log."""
    return f"{type(error).__name__}: {error}"
