"""A filter's verdict on one stage, and how its answers become one.

A refusal carries the reply for the client. One of 421 ends the connection (RFC 5321 §3.8).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from mailhost.message.status import Status
from mailhost.milter.codec import MilterFailed
from mailhost.milter.replies import Answer, ReplyCode, Word


class MilterDecision(Enum):
    """The fate of the connection, the message or the recipient."""

    GO_ON = auto()
    ACCEPT = auto()  # the filter need not be asked any more
    REFUSE = auto()
    DISCARD = auto()  # say yes to the client, and throw the message away
    SKIP = auto()  # go on; the filter has seen enough of this kind


@dataclass(frozen=True, slots=True)
class MilterVerdict:
    """One answer. `status` is there for REFUSE alone."""

    decision: MilterDecision
    status: Status | None = None

    @property
    def ends_connection(self) -> bool:
        """True where the client is to be sent away."""
        return self.status is not None and self.status.code == 421


GO_ON = MilterVerdict(MilterDecision.GO_ON)
ACCEPT = MilterVerdict(MilterDecision.ACCEPT)
DISCARD = MilterVerdict(MilterDecision.DISCARD)
SKIP = MilterVerdict(MilterDecision.SKIP)
REJECT = MilterVerdict(MilterDecision.REFUSE, Status(550, "5.7.1", "Refused by a mail filter"))
TEMPFAIL = MilterVerdict(
    MilterDecision.REFUSE, Status(451, "4.7.1", "A mail filter asks to try again later")
)
SHUTDOWN = MilterVerdict(
    MilterDecision.REFUSE,
    Status(421, "4.7.0", "A mail filter ends this connection; try again later"),
)
_WORDS = {
    Word.CONTINUE: GO_ON,
    Word.ACCEPT: ACCEPT,
    Word.REJECT: REJECT,
    Word.TEMPFAIL: TEMPFAIL,
    Word.DISCARD: DISCARD,
    Word.SKIP: SKIP,
    Word.CONN_FAIL: SHUTDOWN,
    Word.SHUTDOWN: SHUTDOWN,
}
_LINE = re.compile(r"([45][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([45]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$)(.*)", re.DOTALL)
_LINE_END = re.compile(r"\r\n|\r|\n")
_PERCENT = re.compile(r"%(%?)")


def verdict_of(answer: Answer) -> MilterVerdict:
    """Return the verdict. Raises MilterFailed for a reply code that is none."""
    if isinstance(answer, ReplyCode):
        return MilterVerdict(MilterDecision.REFUSE, _status(answer.lines))
    return _WORDS[answer]


def _status(lines: str) -> Status:
    """A reply in SMTP's form, one or several lines, 4xx or 5xx. Sendmail takes it for a format
    string: a percent sign is doubled, and a lone one means nothing."""
    matches = [_LINE.fullmatch(line) for line in _LINE_END.split(lines)]
    codes = {match[1] for match in matches if match}
    if None in matches or len(codes) != 1:
        raise MilterFailed(f"the filter sent no reply: {lines[:200]!r}")
    code = codes.pop()
    text, enhanced = [], f"{code[0]}.0.0"
    for match in filter(None, matches):
        rest = _PERCENT.sub(r"\1", match[3] or "")
        mark = _ENHANCED.match(rest)
        if mark is not None and mark[1][0] == code[0]:
            enhanced, rest = mark[1], mark[2]
        text.append(printable(rest.strip()))
    return Status(int(code), enhanced, "\n".join(text))


def printable(text: str) -> str:
    """Return the text as one line without characters that disturb a log or a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
