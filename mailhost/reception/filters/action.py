"""The action of a filter that found something, by its settings."""

from __future__ import annotations

from mailhost.config.filters.common import Acting, Action
from mailhost.interfaces.verdict import Verdict, defer, discard, quarantine, reject, tag


def verdict_of(
    settings: Acting, found: str, text: str, code: int = 550, enhanced: str = "5.7.1"
) -> Verdict:
    """Return the verdict. `found` is for the log, `text` for a client that is refused, where the
    settings have none of their own."""
    text = settings.words or text
    match settings.action:
        case Action.REJECT:
            return reject(text, found, code, enhanced)
        case Action.DEFER:
            return defer(text, found, enhanced=f"4{enhanced[1:]}")
        case Action.QUARANTINE:
            return quarantine(found)
        case Action.DISCARD:
            return discard(found)
    return tag(settings.tag, found)
