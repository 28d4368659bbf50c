"""Files of the queue, damaged: the first line of a case is an entry's, the second its state's."""

from __future__ import annotations

from mailhost.queue.entry import (
    Entry,
    Unreadable,
    decode_entry,
    decode_state,
    encode_entry,
    encode_state,
    first_state,
)


def target(data: bytes) -> None:
    line, end, rest = data.partition(b"\n")
    try:
        entry = decode_entry(line + end, "1a2b3c", None)
    except Unreadable as bad:
        assert str(bad)
        return
    again = decode_entry(encode_entry(entry), "1a2b3c", None)
    assert (again.envelope, again.identity, again.size) == (
        entry.envelope,
        entry.identity,
        entry.size,
    )
    assert again.arrived == entry.arrived
    assert decode_state(encode_state(first_state(entry)), entry) == first_state(entry)
    _check_state(rest, entry)


def _check_state(text: bytes, entry: Entry) -> None:
    try:
        state = decode_state(text, entry)
    except Unreadable as bad:
        assert str(bad)
        return
    assert decode_state(encode_state(state), entry) == state
    assert len(state.recipients) == len(entry.envelope.recipients)
