"""Edits of a message as offsets and new octets; the octets between edits are copied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """The octets from `start` to `end` become `octets`."""

    start: int
    end: int
    octets: bytes


def apply(message: bytes, edits: Iterable[Edit]) -> bytes:
    """Return the message with the edits made; without edits, the same object.

    Raises ValueError where two edits overlap.
    """
    pieces, at = list[bytes](), 0
    for edit in sorted(edits):
        if edit.start < at:
            raise ValueError(f"two edits want the octets at {edit.start}")
        pieces += [message[at : edit.start], edit.octets]
        at = edit.end
    return b"".join([*pieces, message[at:]]) if pieces else message
