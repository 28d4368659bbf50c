"""Which TLSA records can be used, and their text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.dane.records import text_of, usable
from mailhost.interfaces.dns import TLSARecord
from tests.authority import Authority
from tests.dane.chains import chain_of, key_of

ANY = st.builds(
    TLSARecord,
    usage=st.integers(0, 255) | st.sampled_from([2, 3]),
    selector=st.integers(0, 255) | st.sampled_from([0, 1]),
    matching=st.integers(0, 255) | st.sampled_from([0, 1, 2]),
    data=st.binary(max_size=80) | st.binary(min_size=32, max_size=32),
)


def record(usage: int, selector: int, matching: int, octets: int) -> TLSARecord:
    """A record with so many octets."""
    return TLSARecord(usage, selector, matching, bytes(octets))


class UsableRecords(SynchronousTestCase):
    def test_the_usages_of_smtp(self) -> None:
        for usage, good in ((0, False), (1, False), (2, True), (3, True), (4, False)):
            self.assertEqual(good, bool(usable([record(usage, 1, 1, 32)])), usage)

    def test_selectors_and_matching_types(self) -> None:
        for selector in (0, 1):
            self.assertTrue(usable([record(3, selector, 1, 32)]))
            self.assertTrue(usable([record(3, selector, 2, 64)]))
        for bad in (record(3, 2, 1, 32), record(3, 1, 3, 32), record(3, 1, 255, 64)):
            self.assertEqual((), usable([bad]))

    def test_digests_of_a_wrong_length(self) -> None:
        for matching, octets in ((1, 31), (1, 64), (2, 32), (2, 63), (1, 0)):
            self.assertEqual((), usable([record(3, 1, matching, octets)]))

    def test_whole_certificates_and_keys(self) -> None:
        (own,) = chain_of(Authority.new().issue("mx.example.org"))
        self.assertTrue(usable([TLSARecord(3, 0, 0, own)]))
        self.assertTrue(usable([TLSARecord(3, 1, 0, key_of(own))]))
        self.assertEqual((), usable([TLSARecord(3, 0, 0, key_of(own))]))
        self.assertEqual((), usable([TLSARecord(3, 1, 0, own)]))
        self.assertEqual((), usable([TLSARecord(3, 0, 0, b"junk")]))

    def test_the_strongest_digest_of_each_kind_counts(self) -> None:
        weak, strong, other = record(3, 1, 1, 32), record(3, 1, 2, 64), record(2, 1, 1, 32)
        self.assertEqual((strong, other), usable([weak, strong, other]))

    def test_a_strong_one_that_cannot_be_used_does_not_count(self) -> None:
        weak = record(3, 1, 1, 32)
        self.assertEqual((weak,), usable([weak, record(3, 1, 2, 63)]))

    def test_roll_over(self) -> None:
        both = [record(3, 1, 1, 32), TLSARecord(3, 1, 1, b"1" * 32)]
        self.assertEqual(tuple(both), usable(both))

    @given(st.lists(ANY, max_size=6))
    def test_any_records(self, records: list[TLSARecord]) -> None:
        good = usable(records)
        self.assertTrue(set(good) <= set(records))
        self.assertEqual(good, usable(good))

    def test_text(self) -> None:
        self.assertEqual("3 1 1 00ff", text_of(TLSARecord(3, 1, 1, b"\0\xff")))
