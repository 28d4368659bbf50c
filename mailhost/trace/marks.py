"""The kinds of events in a row of the trace, as bits. SQLite skips rows without a wanted bit."""

from __future__ import annotations

from mailhost.message.outcome import Fate

RECEIVED = 1
REFUSED = 2
QUEUED = 4
QUARANTINED = 8
DISCARDED = 16
PARKED = 32
DELIVERED = 64
RELAYED = 128
PASSED_ON = 256  # to the server behind the proxy
DEFERRED = 512
FAILED = 1024
HELD = 2048  # by an operator
REMOVED = 4096  # by an operator
TLS_SESSION = 8192  # with another host, of no message alone

OF_FATE = {
    Fate.DELIVERED: DELIVERED,
    Fate.RELAYED: RELAYED,
    Fate.PASSED_ON: RELAYED,  # by a host that sends the reports: no difference for an operator
    Fate.EXPANDED: DELIVERED,
    Fate.DEFERRED: DEFERRED,
    Fate.FAILED: FAILED,
}
BY_OUTCOME = {
    "delivered": DELIVERED,
    "relayed": RELAYED,
    "passed-on": PASSED_ON,
    "deferred": DEFERRED,
    "failed": FAILED,
    "refused": REFUSED,
    "queued": QUEUED,
    "quarantined": QUARANTINED,
    "discarded": DISCARDED,
    "parked": PARKED,
    "held": HELD,
    "removed": REMOVED,
}
"""The outcomes that can be asked for; a message with the outcome has a row with the bit."""
