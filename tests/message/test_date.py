"""Dates in header fields."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.date import format_date


class DateTests(SynchronousTestCase):
    def test_known(self) -> None:
        self.assertEqual(format_date(0), "Thu, 01 Jan 1970 00:00:00 +0000")
        self.assertEqual(format_date(1_709_210_096), "Thu, 29 Feb 2024 12:34:56 +0000")

    @settings(deadline=None)
    @given(st.integers(0, 4_000_000_000))
    def test_other_programs_read_the_same_date(self, seconds: int) -> None:
        read = parsedate_to_datetime(format_date(seconds))
        self.assertEqual(int(read.timestamp()), seconds)
        self.assertEqual(f"{read:%a}", format_date(seconds)[:3])
