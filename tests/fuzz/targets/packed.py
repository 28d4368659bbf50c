"""Files within files: ZIP, also bombs in miniature, TNEF, uuencode and yEnc in text."""

from __future__ import annotations

from contextlib import suppress

from mailhost.message.mime.kinds import HEAD_SIZE, kind_of
from mailhost.message.mime.packed import Budget, TooMuch, heads_in, names_in
from mailhost.message.mime.uuencoded import files_in_text
from mailhost.message.mime.zipped import inflate, members

NAMES = 50
INFLATED = 10_000
LONGEST_NAME = 300  # characters
LONGEST_UU = 63  # octets that a line of uuencode may stand for


def target(data: bytes) -> None:
    budget = Budget(NAMES, INFLATED)
    found = list[str]()
    with suppress(TooMuch):
        found += names_in(data, budget)
    assert len(found) <= NAMES
    assert budget.octets >= 0
    assert all(len(name) <= LONGEST_NAME for name in found)
    with suppress(TooMuch):
        assert all(len(head) <= HEAD_SIZE for head in heads_in(data, Budget(NAMES, INFLATED)))
    kind_of(data)
    for member in members(data):
        assert len(inflate(data, member.start, 100)) <= 100 if member.deflated else True
    files = list(files_in_text(data))
    assert sum(len(each.octets) for each in files) <= LONGEST_UU * (1 + len(data) // 2)
    assert len(files) <= data.count(b"begin")
