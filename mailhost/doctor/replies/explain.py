"""Explains a reply: by its text if the text is known, else by its codes."""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.doctor.replies.basic import BASIC
from mailhost.doctor.replies.enhanced import ENHANCED
from mailhost.doctor.replies.explanation import Actor, Explanation, KnownReply
from mailhost.doctor.replies.own import OWN
from mailhost.doctor.replies.receivers import KNOWN
from mailhost.doctor.replies.reply import Reply, parse_reply

NO_EXPLANATION = Explanation(
    "Neither the codes nor the text of the reply are known here.",
    Actor.THEM,
    "Write to the postmaster of the receiving domain, from another address, and quote the reply.",
)
_CLASSES = {
    2: Explanation("The command succeeded.", Actor.NO_ONE, "Nothing."),
    4: Explanation(
        "The receiving host defers the message.", Actor.NO_ONE, "The queue tries again by itself."
    ),
    5: Explanation(
        "The receiving host refuses the message for good.", Actor.SENDER, NO_EXPLANATION.remedy
    ),
}


@dataclass(frozen=True, slots=True)
class Explained:
    """A reply, and its meaning by its code, its enhanced code, and its text; None for each that is
    not known."""

    reply: Reply
    code: Explanation | None
    enhanced: Explanation | None
    known: KnownReply | None

    @property
    def advice(self) -> Explanation:
        """The most exact of the explanations."""
        if self.known is not None:
            return self.known.explanation
        if self.enhanced is not None and not self.reply.enhanced.endswith(".0.0"):
            return self.enhanced
        return self.code or self.enhanced or NO_EXPLANATION


def explain(text: str) -> Explained:
    """Explain the first reply in a text."""
    reply = parse_reply(text)
    subject = reply.enhanced.partition(".")[2]
    enhanced = ENHANCED.get(subject) or ENHANCED.get(f"{subject.partition('.')[0]}.0")
    code = BASIC.get(reply.code) or _CLASSES.get(reply.code // 100)
    succeeded = reply.code // 100 == 2
    known = None if succeeded else _known(reply)
    return Explained(reply, code, None if succeeded else enhanced, known)


def _known(reply: Reply) -> KnownReply | None:
    text = f"{reply.enhanced} {reply.text}"
    return next((each for each in (*OWN, *KNOWN) if each.pattern.search(text)), None)
