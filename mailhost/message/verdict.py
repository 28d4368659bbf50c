"""The former place of `interfaces/verdict`: filters that were written for version 0.1 import it."""

from mailhost.interfaces.verdict import (
    PASS,
    Decision,
    Finding,
    Mail,
    Stage,
    Verdict,
    defer,
    discard,
    edit,
    quarantine,
    reject,
    tag,
)

__all__ = [
    "PASS",
    "Decision",
    "Finding",
    "Mail",
    "Stage",
    "Verdict",
    "defer",
    "discard",
    "edit",
    "quarantine",
    "reject",
    "tag",
]
