"""The verdict of a filter on one stage, and the conversion of a filter's answer to a verdict.

A refusal has the reply for the client. A reply of 421 ends the connection (RFC 5321 §3.8).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from mailhost.message.status import Status
from mailhost.milter.codec import MilterFailed
from mailhost.milter.replies import BareReply, MilterAnswer, ReplyCode


class MilterDecision(Enum):
    """The decision about the connection, the message or the recipient."""

    GO_ON = auto()
    ACCEPT = auto()  # pass, and do not ask the filter any more
    REFUSE = auto()
    DISCARD = auto()  # answer the client 250, and drop the message
    SKIP = auto()  # go on, and send no more packets of this kind


@dataclass(frozen=True, slots=True)
class MilterVerdict:
    """One verdict. `status` is set for REFUSE only."""

    decision: MilterDecision
    status: Status | None = None

    @property
    def ends_connection(self) -> bool:
        """True if the connection of the client must end."""
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
_VERDICTS = {
    BareReply.CONTINUE: GO_ON,
    BareReply.ACCEPT: ACCEPT,
    BareReply.REJECT: REJECT,
    BareReply.TEMPFAIL: TEMPFAIL,
    BareReply.DISCARD: DISCARD,
    BareReply.SKIP: SKIP,
    BareReply.CONN_FAIL: SHUTDOWN,
    BareReply.SHUTDOWN: SHUTDOWN,
}
_LINE = re.compile(r"([45][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([45]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$)(.*)", re.DOTALL)
_LINE_END = re.compile(r"\r\n|\r|\n")
_PERCENT = re.compile(r"%(%?)")


def verdict_of(answer: MilterAnswer) -> MilterVerdict:
    """Return the verdict of an answer. Raises MilterFailed for an invalid reply code."""
    if isinstance(answer, ReplyCode):
        return MilterVerdict(MilterDecision.REFUSE, _status(answer.lines))
    return _VERDICTS[answer]


def _status(lines: str) -> Status:
    """Parse a reply in the form of SMTP: one or more lines with a code 4xx or 5xx. As Sendmail uses
    it as a format string, `%%` is a percent sign, and a single `%` is dropped."""
    matches = [_LINE.fullmatch(line) for line in _LINE_END.split(lines)]
    codes = {match[1] for match in matches if match}
    if None in matches or len(codes) != 1:
        raise MilterFailed(f"the filter sent an invalid reply: {lines[:200]!r}")
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
