"""The counts that an operator looks at first, as sums over protocols and results."""

from __future__ import annotations

from collections.abc import Mapping

from mailhost.interfaces.events import CountKey
from mailhost.message.outcome import Fate
from mailhost.queue.reports import BOUNCE

# name, kind of event, result; a result of None stands for all of them
_TOTALS = (
    ("received", "received", None),
    ("refused", "refused", None),
    ("queued", "queued", None),
    ("delivered", "attempted", Fate.DELIVERED),
    ("relayed", "attempted", Fate.RELAYED),
    ("deferred", "attempted", Fate.DEFERRED),
    ("failed", "attempted", Fate.FAILED),
    ("passed_on", "passed on", None),
    ("bounces", "reported", BOUNCE),
    ("parked", "parked", None),
    ("logins", "logged in", None),
    ("refused_logins", "login refused", None),
    ("faults", "faulted", None),
)


def totals(counts: Mapping[CountKey, int]) -> dict[str, int]:
    """Return the totals by name, those that are zero included."""
    return {
        name: sum(
            count
            for key, count in counts.items()
            if key.event == event and result in (None, key.result)
        )
        for name, event, result in _TOTALS
    }
