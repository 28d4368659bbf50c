"""Key records of DKIM, and tag lists."""

from __future__ import annotations

from mailhost.dkim.key_record import BadKey, parse_key_record
from mailhost.message.tag_list import BadTagList, parse_tags

LONGEST_REASON = 300


def target(data: bytes) -> None:
    try:
        tags = parse_tags(data.decode("utf-8", "replace"))
    except BadTagList as bad:
        assert len(str(bad)) < LONGEST_REASON
    else:
        assert parse_tags("; ".join(f"{name}={value}" for name, value in tags.items())) == tags
    try:
        key = parse_key_record(data)
    except BadKey as bad:
        assert len(str(bad)) < LONGEST_REASON
        assert str(bad).isprintable()
    else:
        assert not key.verifies(b"", b"\0" * 32)
