"""The names of `interfaces/verdict`, which filters for version 0.1 import from this module."""

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
