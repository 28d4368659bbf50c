"""The result for a request or a recipient: a reply code, an enhanced code (RFC 3463), a text.

The text is for the other side; the cause is for our own log and is never sent. Where another
host's reply led to the status, `answer` is that reply word for word.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Status:
    """One answer. `enhanced` is empty for replies that have none (greetings, 354)."""

    code: int
    enhanced: str
    text: str
    cause: str = ""
    answer: Status | None = field(default=None, compare=False)

    @property
    def ok(self) -> bool:
        """2xx: done."""
        return self.code < 300

    @property
    def temporary(self) -> bool:
        """4xx: worth trying again."""
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        """5xx: trying again does not help."""
        return self.code >= 500

    def because(self, cause: str) -> Status:
        """The same answer with a cause for the log."""
        return replace(self, cause=cause)

    def __str__(self) -> str:
        return " ".join(filter(None, (str(self.code), self.enhanced, self.text)))


OK = Status(250, "2.0.0", "OK")
LOCAL_ERROR = Status(451, "4.3.0", "Something failed here; please try again later")
NO_STORAGE = Status(452, "4.3.1", "Not enough storage here for now; please try again later")
