"""The verdict of a filter for mail that it has found, by the action in its settings."""

from __future__ import annotations

from mailhost.config.filters.common import Acting, Action
from mailhost.interfaces.verdict import Verdict, defer, discard, quarantine, reject, tag


def verdict_of(
    settings: Acting, found: str, text: str, code: int = 550, enhanced: str = "5.7.1"
) -> Verdict:
    """Return the verdict for mail that a filter has found.

    `found` is the reason for the log. `text` is the text of a refusal unless the settings have a
    text of their own; `code` and `enhanced` are its codes.
    """
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
