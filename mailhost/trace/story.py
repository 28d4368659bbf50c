"""The story of one message: its facts in the order of time, and the outcome for each recipient."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mailhost.message.outcome import Fate
from mailhost.trace.facts import Facts

_RCPT = re.compile(r"RCPT (?:TO:)?<([^>]*)>")
_WORST_FIRST = (
    "parked",
    "failed",
    "removed",
    "refused",
    "quarantined",
    "held",
    "deferred",
    "queued",
    "received",
    "discarded",
    "passed-on",
    "relayed",
    "delivered",
)
OUTCOME_OF_FATE = {  # the outcome of any other fate is its value
    Fate.DEFERRED.value: "deferred",
    Fate.EXPANDED.value: "delivered",
    Fate.PASSED_ON.value: "relayed",
}


_OF_COMMAND = {"held": "held", "released": "queued", "removed": "removed", "bounced": "removed"}


@dataclass(frozen=True, slots=True)
class Story:
    """All facts about the message `name`, the oldest first.

    `name` is the identity that the message has in the queue and in the log; or the identity of a
    session, for commands that were refused in it.
    """

    name: str
    facts: tuple[Facts, ...]

    @property
    def at(self) -> float:
        """The time of the first fact, in seconds since 1970."""
        return float(self.facts[0]["at"]) / 1000

    @property
    def sender(self) -> str:
        """The reverse-path, empty for the null one, or where it is not known."""
        return next((facts["from"] for facts in self.facts if facts.get("from")), "")

    @property
    def recipients(self) -> dict[str, str]:
        """The outcome of each recipient, also of refused recipients."""
        states = _States()
        for facts in self.facts:
            states.take(facts)
        return states.found

    @property
    def outcomes(self) -> Sequence[str]:
        """The different outcomes of the recipients, the worst first."""
        found = set(self.recipients.values())
        if not found and any(facts["event"] == "refused" for facts in self.facts):
            found = {"refused"}
        return [each for each in _WORST_FIRST if each in found]

    @property
    def message_id(self) -> str:
        """The value of Message-ID, empty where it is not known."""
        return next((facts["message_id"] for facts in self.facts if "message_id" in facts), "")

    @property
    def session(self) -> str:
        """The name of the session that the message came by, empty for a message of this host."""
        return next((facts["session"] for facts in self.facts if facts.get("session")), "")

    @property
    def text(self) -> str:
        """All facts in one text, for searches."""
        return "\n".join([self.name, *_texts(list(self.facts))])


class _States:
    """The state of each recipient while facts are read."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def take(self, facts: Facts) -> None:
        """Read the next fact."""
        event, to = facts["event"], [str(each).lower() for each in facts.get("to", ())]
        if event == "received":
            for each in to:
                self.found.setdefault(each, "received")
        elif event == "refused":
            self._refused(facts, to)
        elif event == "queued":
            self._all(to, "quarantined" if facts.get("held") else "queued")
        elif event == "attempted":
            self._attempted(facts, to)
        elif event == "filtered":
            if facts["decision"] == "discard" and not facts.get("observed"):
                self._all(to or list(self.found), "discarded")
        elif event == "commanded":
            if facts["command"] in _OF_COMMAND:
                self._all(to, _OF_COMMAND[facts["command"]])
        elif event in ("passed on", "parked"):
            word = "passed-on" if event == "passed on" else "parked"
            settled = ("refused", "failed", "delivered", "relayed")
            self._all([each for each in self.found if self.found[each] not in settled], word)

    def _all(self, recipients: Sequence[str], word: str) -> None:
        self.found |= dict.fromkeys(recipients, word)

    def _refused(self, facts: Facts, to: Sequence[str]) -> None:
        named = _RCPT.match(facts["what"])
        if named:
            self.found[named[1].lower()] = "refused"
        elif facts["what"] in ("message", "DATA", "BDAT"):
            waiting = [each for each in to if self.found.get(each, "received") == "received"]
            self._all(waiting, "refused")

    def _attempted(self, facts: Facts, to: Sequence[str]) -> None:
        for alias in facts.get("through", ()):
            if self.found.get(alias.lower()) == "received":
                del self.found[alias.lower()]
        fate = str(facts["fate"])
        self._all(to, OUTCOME_OF_FATE.get(fate, fate))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str):
        yield value
