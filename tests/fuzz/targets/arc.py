"""ARC: chains of a hostile message."""

from __future__ import annotations

from mailhost.arc.chain import MOST_SETS
from tests.arc.messages import verified


def target(data: bytes) -> None:
    result = verified(data)
    assert (result.status.value == "pass") == bool(result.sets)
    assert (result.status.value in ("pass", "none")) == (not result.reason)
    assert len(result.sets) <= MOST_SETS
    assert result.reason.isprintable()
    assert len(result.reason) < 300
