"""Follows a message that this host sends to another one: by its attempts, and by the queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from mailhost.doctor.finding import Finding, failure, ok, unknown, warning
from mailhost.doctor.replies.explain import explain
from mailhost.doctor.round_trip.faults import TEST_DEFERRED, TEST_REFUSED, TEST_WAITING
from mailhost.doctor.running_host import AskHost
from mailhost.trace.story import OUTCOME_OF_FATE

PATIENCE = 60.0  # seconds until the first attempt has ended
PAUSE = 0.5  # seconds between two questions
_SUCCEEDED = frozenset({"delivered", "relayed", "passed-on", "expanded"})


async def follow(ask: AskHost, clock: IReactorTime, identity: str, recipient: str) -> Finding:
    """Return the outcome of the message `identity` after at most PATIENCE seconds. Raises
    NoHostRunning, CommandFailed."""
    began = clock.seconds()
    answer: Mapping[str, Any] = {"attempts": [], "entries": []}
    while clock.seconds() - began < PATIENCE:
        answer = await ask("doctor.attempts", identity=identity)
        if answer["attempts"]:
            took = clock.seconds() - began
            return outcome(answer["attempts"][-1], identity, recipient, took)
        await deferLater(clock, PAUSE)
    return _waiting(answer["entries"], identity, recipient)


def outcome(attempt: Mapping[str, Any], identity: str, recipient: str, took: float) -> Finding:
    """Return the finding about an attempt for a message that ended `took` seconds after the
    submission."""
    tried = f"delivery to {recipient}"
    by = f"{attempt['by']} said: " if attempt["by"] else ""
    fate = OUTCOME_OF_FATE.get(attempt["fate"], attempt["fate"])
    seen = f"{fate} after {took:.1f} s. {by}{attempt['reply']}"
    if attempt["fate"] in _SUCCEEDED:
        return ok(tried, seen)
    advice = explain(attempt["reply"]).advice
    seen = f"{seen}. {advice.meaning}"
    if attempt["fate"] == "failed":
        return failure(TEST_REFUSED, tried, seen, advice.remedy)
    return warning(TEST_DEFERRED, tried, seen, advice.remedy, f"mailhost trace {identity}")


def _waiting(entries: Sequence[Mapping[str, Any]], identity: str, recipient: str) -> Finding:
    state = f"in the queue: {entries[0]['state']}" if entries else "not in the queue"
    seen = f"no attempt has ended after {PATIENCE:g} s; {state}"
    remedy = "Query the outcome later:"
    tried = f"delivery to {recipient}"
    return unknown(TEST_WAITING, tried, seen, remedy, f"mailhost trace {identity}")
