"""Records are read as they were written, and nothing else is taken for a record."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.log.records import (
    ALIGNMENT,
    HEAD,
    Damage,
    Kind,
    NewRecord,
    Position,
    Record,
    number_in,
    position_of,
    records_of,
)
from mailhost.durable.log.segments import START

SEED = 12345
SIZE = 1 << 16  # octets

new_records = st.builds(
    NewRecord,
    st.sampled_from(Kind),
    st.binary(max_size=50),
    st.lists(st.binary(max_size=200), max_size=3),
    st.integers(-(1 << 63), (1 << 63) - 1),
)
writes = st.lists(st.lists(new_records, min_size=1, max_size=4), max_size=6)


def segment(wanted: list[list[NewRecord]], number: int = 7) -> bytearray:
    """A segment with several writes."""
    octets = bytearray(SIZE)
    place = START
    for write in wanted:
        begin = place
        for record in write:
            some = b"".join(record.octets(SEED, number, place, begin))
            octets[place : place + len(some)] = some
            place += record.size
    return octets


def read(octets: bytes | bytearray, number: int = 7) -> list[Record | Damage]:
    """What a segment has."""
    return list(records_of(memoryview(bytes(octets)), SEED, number, START))


def as_new(record: Record | Damage, octets: bytes | bytearray) -> NewRecord:
    """A record that was read, as it was to be written."""
    assert isinstance(record, Record)
    body = bytes(octets[record.start : record.end])
    return NewRecord(record.kind, record.path, (body,), record.modified)


def joined(record: NewRecord) -> NewRecord:
    """The same in one piece."""
    return NewRecord(record.kind, record.path, (b"".join(record.pieces),), record.modified)


class RecordTests(SynchronousTestCase):
    @given(writes)
    def test_all_come_back(self, wanted: list[list[NewRecord]]) -> None:
        octets = segment(wanted)
        found = [as_new(each, octets) for each in read(octets)]
        self.assertEqual([joined(record) for write in wanted for record in write], found)

    @given(writes)
    def test_those_of_another_use_of_the_segment_do_not_count(
        self, wanted: list[list[NewRecord]]
    ) -> None:
        self.assertEqual([], read(segment(wanted, 6), 7))

    @given(writes, st.data())
    def test_a_changed_octet_is_noticed(
        self, wanted: list[list[NewRecord]], data: st.DataObject
    ) -> None:
        octets = segment(wanted)
        before = [as_new(each, octets) for each in read(octets)]
        used = START + sum(record.size for write in wanted for record in write)
        if used == START:
            return
        place = data.draw(st.integers(START, used - 1))
        octets[place] ^= data.draw(st.integers(1, 255))
        found = [each for each in read(octets) if isinstance(each, Record)]
        for each in found:
            self.assertIn(as_new(each, octets), before)
        self.assertGreaterEqual(len(found), len(before) - 1)

    def test_damage_before_a_later_write_is_named(self) -> None:
        records = [[NewRecord(Kind.GONE, name)] for name in (b"a", b"b", b"c")]
        octets = segment(records)
        size = records[0][0].size
        octets[START + size + HEAD] ^= 1
        first, damage, last = read(octets)
        assert isinstance(damage, Damage)
        self.assertEqual(Position(7, START + size), damage.at)
        self.assertEqual(START + 2 * size, damage.end)
        self.assertEqual((b"a", b"c"), (as_new(first, octets).path, as_new(last, octets).path))

    def test_a_torn_write_at_the_end_is_no_damage(self) -> None:
        octets = segment([[NewRecord(Kind.GONE, name) for name in (b"a", b"b", b"c")]])
        octets[START + HEAD] ^= 1
        self.assertEqual([b"b", b"c"], [as_new(each, octets).path for each in read(octets)])

    def test_a_message_cannot_have_records(self) -> None:
        """Its sender does not know the seed, even with the place and the number right."""
        place = START + HEAD
        forged = b"".join(NewRecord(Kind.FILE, b"x").octets(SEED + 1, 7, place, START))
        octets = segment([[NewRecord(Kind.FILE, b"", (forged,))]])
        octets[START] ^= 1  # so that records are looked for in its body
        self.assertEqual([], read(octets))

    def test_the_number_of_a_segment_is_in_its_records(self) -> None:
        octets = segment([[NewRecord(Kind.GONE, b"a")]], 9)
        self.assertEqual(9, number_in(bytes(octets), SEED))
        self.assertEqual(0, number_in(bytes(octets), SEED + 1))

    def test_places_are_aligned(self) -> None:
        for length in range(20):
            self.assertEqual(0, NewRecord(Kind.GONE, bytes(length)).size % ALIGNMENT)

    def test_a_position(self) -> None:
        position = Position(3, 4)
        self.assertEqual(position, position_of(position.octets()))
        self.assertIsNone(position_of(b"x"))
