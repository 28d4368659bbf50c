"""What a filter that found something does about it, by its settings."""

from __future__ import annotations

from mailhost.config.filters.common import Acting, Action
from mailhost.message.verdict import Verdict, defer, discard, quarantine, reject, tag


def deed(
    settings: Acting, found: str, words: str, code: int = 550, enhanced: str = "5.7.1"
) -> Verdict:
    """Return the verdict. `found` is for the log, `words` for a client that is refused, where the
    settings have none of their own."""
    words = settings.words or words
    match settings.action:
        case Action.REJECT:
            return reject(words, found, code, enhanced)
        case Action.DEFER:
            return defer(words, found, enhanced=f"4{enhanced[1:]}")
        case Action.QUARANTINE:
            return quarantine(found)
        case Action.DISCARD:
            return discard(found)
    return tag(settings.tag, found)
