"""A segment of the log, from the place of its first record on."""

from __future__ import annotations

from mailhost.durable.log.records import Damage, number_in, records_of


def target(data: bytes) -> None:
    place = 0
    number = number_in(data, 0)
    for each in records_of(memoryview(data), 0, number or 1, 0):
        if isinstance(each, Damage):
            assert place <= each.at.place < each.end <= len(data)
            place = each.end
        else:
            assert place <= each.at.place
            assert each.at.place < each.start <= each.end <= len(data)
            assert each.after >= each.end
            place = each.after
