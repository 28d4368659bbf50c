"""Follows a message that this host sends to another one: by its attempts, and by the queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from mailhost.doctor.finding import Finding, failure, ok, unknown, warning
from mailhost.doctor.replies.explain import explain
from mailhost.doctor.round_trip.faults import TEST_DEFERRED, TEST_REFUSED, TEST_WAITING
from mailhost.doctor.running_host import AskHost

PATIENCE = 60.0  # seconds until the first attempt has ended
PAUSE = 0.5  # seconds between two questions
_SUCCEEDED = frozenset({"delivered", "relayed", "passed-on", "expanded"})
_LOOK = "Look into the folder for junk there too; `mailhost doctor DOMAIN` says what makes it junk."


async def follow(ask: AskHost, clock: IReactorTime, identity: str, recipient: str) -> Finding:
    """Return what became of the message `identity` within PATIENCE seconds. Raises NoHostRunning,
    CommandFailed."""
    began = clock.seconds()
    answer: Mapping[str, Any] = {"attempts": [], "entries": []}
    while clock.seconds() - began < PATIENCE:
        answer = await ask("doctor.attempts", identity=identity)
        if answer["attempts"]:
            took = clock.seconds() - began
            return outcome(answer["attempts"][-1], answer["entries"], recipient, took)
        await deferLater(clock, PAUSE)
    return _waiting(answer, recipient)


def outcome(
    attempt: Mapping[str, Any], entries: list[Mapping[str, Any]], recipient: str, took: float
) -> Finding:
    """Return the finding about an attempt that ended `took` seconds after the submission."""
    tried = f"delivery to {recipient}"
    by = f"{attempt['by']} said: " if attempt["by"] else ""
    seen = f"{attempt['fate']} after {took:.1f} s. {by}{attempt['reply']}"
    if attempt["fate"] in _SUCCEEDED:
        return ok(tried, seen)
    advice = explain(attempt["reply"]).advice
    seen = f"{seen}. {advice.meaning}"
    if attempt["fate"] == "failed":
        return failure(TEST_REFUSED, tried, seen, advice.remedy)
    copy = [f"mailhost queue show {each['id']}" for each in entries]
    return warning(TEST_DEFERRED, tried, seen, advice.remedy, *copy)


def _waiting(answer: Mapping[str, Any], recipient: str) -> Finding:
    tried = f"delivery to {recipient}"
    entries = answer["entries"]
    if not entries:
        seen = f"no attempt is known after {PATIENCE:g} s, and the message is not in the queue"
        return unknown(TEST_WAITING, tried, seen, "Look for the message in the log of the host.")
    entry = entries[0]
    seen = f"no attempt has ended after {PATIENCE:g} s; in the queue it is {entry['state']}"
    remedy = "Look later whether it has left:"
    return unknown(TEST_WAITING, tried, seen, remedy, f"mailhost queue show {entry['id']}")
