"""Header sections: fields by offset, fields by name, addresses in them (RFC 5322 §2.2, §3.4)."""

from __future__ import annotations

from mailhost.message.address import BadAddress
from mailhost.message.header import (
    addresses,
    count_received,
    fields,
    first_value,
    named,
    values,
)
from mailhost.message.trace import delivered_before

NAMES = ("From", "Subject", "Received", "Delivered-To")

LONGEST_MESSAGE = 3200  # characters: 300 that are shown as \U0010ffff


def target(data: bytes) -> None:
    _check_offsets(data)
    for name in NAMES:
        _check_named(data, name)
    assert count_received(data) == len(values(data, "Received"))
    for address in delivered_before(data):
        assert address == address.lower()
    for value in values(data, "From"):
        _check_addresses(value)


def _check_offsets(data: bytes) -> None:
    at = 0
    for field in fields(data):
        assert at <= field.start < field.end <= len(data)
        assert data.startswith(field.name, field.start)
        assert field.value in data[field.start : field.end]
        assert "\n" not in field.text
        at = field.end


def _check_named(data: bytes, name: str) -> None:
    """By name the same fields are found as by going through all of them."""
    found = list(named(data, name))
    lower = name.lower().encode()
    assert found == [each for each in fields(data) if each.name.lower() == lower]
    texts = [each.text for each in found]
    assert values(data, name) == texts
    assert first_value(data, name) == (texts[0] if texts else "")


def _check_addresses(value: str) -> None:
    """Addresses printed one after the other are read as the same."""
    try:
        found = addresses(value)
    except BadAddress as bad:
        assert len(str(bad)) < LONGEST_MESSAGE
        return
    assert found
    assert addresses(", ".join(f"<{each}>" for each in found)) == found
