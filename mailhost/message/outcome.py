"""The outcome of an attempt to deliver a message to a recipient."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mailhost.message.envelope import ForwardPath
from mailhost.message.status import Status


class Fate(StrEnum):
    """The fate of a recipient after an attempt.

    The values are those of the Action field of a DSN (RFC 3464 §2.3.3), and `passed-on`: the next
    hop has accepted the recipient and sends the reports (RFC 3461 §5.2.2), so this host does not.
    """

    DELIVERED = "delivered"
    RELAYED = "relayed"
    PASSED_ON = "passed-on"
    EXPANDED = "expanded"
    DEFERRED = "delayed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One recipient, its fate, and the status that is the reason.

    `by` is the next hop, such as `mx.example.com [192.0.2.1]`, empty where no connection was made.
    `status.answer` is set where the status is the reply of that host.
    """

    recipient: ForwardPath
    fate: Fate
    status: Status
    by: str = ""

    @property
    def settled(self) -> bool:
        """False where the delivery is to be tried again."""
        return self.fate is not Fate.DEFERRED


def outcome_of(recipient: ForwardPath, status: Status, good: Fate, by: str = "") -> Outcome:
    """Return the outcome for a status: 2xx is the fate `good`, 4xx a deferral, 5xx a failure."""
    fate = good if status.ok else Fate.DEFERRED if status.temporary else Fate.FAILED
    return Outcome(recipient, fate, status, by)
