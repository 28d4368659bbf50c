"""The result for a command or a recipient: a reply code, an enhanced code (RFC 3463), a text."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Status:
    """One result.

    `enhanced` is empty for replies without an enhanced code (greetings, 354). `text` is sent to the
    client; `cause` is for the log and is never sent. Where the reply of another host led to the
    status, `answer` is that reply, unchanged.
    """

    code: int
    enhanced: str
    text: str
    cause: str = ""
    answer: Status | None = field(default=None, compare=False)

    @property
    def ok(self) -> bool:
        """True for 2xx: the command succeeded."""
        return self.code < 300

    @property
    def temporary(self) -> bool:
        """True for 4xx: another attempt may succeed."""
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        """True for 5xx: another attempt will fail too."""
        return self.code >= 500

    @property
    def says_more(self) -> bool:
        """True if the text says more than the reply of the other host: a rule of ours led to it."""
        answer = self.answer
        return answer is not None and self.text != answer.text and str(answer) not in self.text

    def because(self, cause: str) -> Status:
        """Return the same status with a cause for the log."""
        return replace(self, cause=cause)

    def __str__(self) -> str:
        return " ".join(filter(None, (str(self.code), self.enhanced, self.text)))


OK = Status(250, "2.0.0", "OK")
LOCAL_ERROR = Status(451, "4.3.0", "Something failed here; please try again later")
NO_STORAGE = Status(452, "4.3.1", "Not enough storage here for now; please try again later")
