"""Values with parameters: Content-Type, Content-Disposition (RFC 2045 §5.1, RFC 2231).

The first line of a case is a file name, the rest is the value.
"""

from __future__ import annotations

from mailhost.message.mime.filenames import readings
from mailhost.message.mime.parameters import parse_value, with_parameter

MOST_TEXTS = 20  # for each octet


def target(data: bytes) -> None:
    first, _, value = data.partition(b"\n")
    parsed = parse_value(value)
    assert parsed == parse_value(value)
    assert len(parsed.given) <= 10 + MOST_TEXTS * len(value)
    assert set(parsed.parameters) == {each.name for each in parsed.given}
    for each in parsed.given:
        assert each.name
        assert each.name == each.name.lower()
        assert len(each.text) <= 2 * len(value)
        assert len(list(readings(each.text))) < 100
    _check_set(value, first.decode("utf-8", "replace"))


def _check_set(value: bytes, name: str) -> None:
    """A name that is set is the one and only that any program reads."""
    once = with_parameter(value, "filename", name)
    texts = parse_value(once).texts("filename")
    assert len(texts) == 1, (once, texts)
    written = texts[0]
    assert with_parameter(once, "filename", written) == once
    assert b"\n" not in once.replace(b"\r\n", b"") or b"\n" in value
    if name.isascii() and name.isalnum():
        assert written == name
