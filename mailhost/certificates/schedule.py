"""The times of renewals, of further attempts after failures, and of warnings.

All times are in seconds, points of time in seconds since 1970. `chance` is a number from 0 to 1,
drawn anew for each call, so that hosts do not all come at the same time.
"""

from __future__ import annotations

from dataclasses import replace

from mailhost.certificates.state import Retry, Schedule
from mailhost.certificates.values import Window

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
EARLIEST, LATEST = 0.63, 0.70  # of the life, where the authority suggests no window
FIRST_RETRY = 10 * MINUTE
LONGEST_RETRY = DAY
SHORTEST_ASK, LONGEST_ASK = MINUTE, DAY  # between two questions for a window, RFC 9773 §4.3.2
ASK_AFTER_FAILURE = 6 * HOUR  # RFC 9773 §4.3.3
# warnings: so long before the end, at most so much of the life
_WARNINGS = ((14 * DAY, 1 / 4), (3 * DAY, 1 / 12), (DAY, 1 / 36), (0.0, 0.0))
PARTIAL = (7 * DAY, 1 / 8)  # before the end: then a certificate for fewer names is taken


def without_window(begins: float, ends: float, chance: float) -> float:
    """Return when to renew a certificate of this life."""
    return begins + (ends - begins) * (EARLIEST + (LATEST - EARLIEST) * chance)


def in_window(former: Schedule, window: Window, now: float, chance: float) -> Schedule:
    """Return the schedule for a window that the authority suggests (RFC 9773 §4.2): a time in it,
    which stays the same as long as the window does."""
    start, end = window.start.timestamp(), window.end.timestamp()
    ask = now + min(max(window.wait, SHORTEST_ASK), LONGEST_ASK)
    same = (start, end) == (former.start, former.end)
    renew = former.renew if same else start + (end - start) * chance
    return replace(former, renew=renew, start=start, end=end, ask=ask)


def is_due(schedule: Schedule, begins: float, ends: float, now: float) -> bool:
    """True if a certificate of this life is to be renewed. One that was obtained just now is not,
    as its successor would be due at once too: the authority's window or the clock is wrong."""
    earliest = schedule.since + min(DAY, (ends - begins) / 4)
    return bool(schedule.renew) and max(schedule.renew, earliest) <= now


def failed(
    former: Retry, text: str, now: float, chance: float, wait: float = 0.0, left: float = DAY * 30
) -> Retry:
    """Return the next attempt after a failure: later each time, at most a day, sooner where a
    certificate has only `left` seconds. `wait` is what the authority asked for."""
    bound = min(LONGEST_RETRY, max(left / 6, FIRST_RETRY))
    doubled = FIRST_RETRY * 2.0 ** min(former.failures, 20)
    later = min(doubled * (0.75 + chance / 2), bound)
    return Retry(former.failures + 1, now, now + max(later, wait), text)


def warning_level(begins: float, ends: float, now: float) -> int:
    """Return 0 for no warning, up to 3 before the end, and 4 after it."""
    left, life = ends - now, ends - begins
    return sum(left <= min(seconds, life * share) for seconds, share in _WARNINGS)


def is_late(begins: float, ends: float, now: float) -> bool:
    """True if a certificate for fewer names is better than waiting for the others."""
    seconds, share = PARTIAL
    return ends - now <= min(seconds, (ends - begins) * share)
