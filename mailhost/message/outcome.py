"""A recipient's fate after an attempt to deliver."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mailhost.message.envelope import ForwardPath
from mailhost.message.status import Status


class Fate(StrEnum):
    """The fate of a recipient. The values are those of the DSN's Action field (RFC 3464 §2.3.3),
    but `passed-on`: the next hop took it and reports itself (RFC 3461 §5.2.2), so we do not."""

    DELIVERED = "delivered"
    RELAYED = "relayed"
    PASSED_ON = "passed-on"
    EXPANDED = "expanded"
    DEFERRED = "delayed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One recipient, its fate, and the status that says why.

    `by` is the other host that we talked with, such as `mx.example.com [192.0.2.1]`, empty where
    there was none. `status.answer` is set where the status is that host's answer, not ours.
    """

    recipient: ForwardPath
    fate: Fate
    status: Status
    by: str = ""

    @property
    def settled(self) -> bool:
        """False where the recipient is to be tried again."""
        return self.fate is not Fate.DEFERRED


def outcome_of(recipient: ForwardPath, status: Status, good: Fate, by: str = "") -> Outcome:
    """Turn a status into an outcome: 2xx becomes `good`, 4xx a deferral, 5xx a failure."""
    fate = good if status.ok else Fate.DEFERRED if status.temporary else Fate.FAILED
    return Outcome(recipient, fate, status, by)
