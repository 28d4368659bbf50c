"""Dates of mails: RFC 5322, and what programs write."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.date import SentDate, format_date, parse_date

NOON = 1751371200  # Tue, 01 Jul 2025 12:00:00 +0000


class ParseDateTests(SynchronousTestCase):
    def test_table(self) -> None:
        for text, seconds, zone in (
            ("Tue, 01 Jul 2025 12:00:00 +0000", NOON, 0),
            ("Tue, 1 Jul 2025 14:00:00 +0200 (CEST)", NOON, 7200),
            ("1 Jul 2025 12:00 GMT", NOON, 0),
            ("tue,1 jul 2025 07:00:00 EST", NOON, -18000),
            ("Tue, 1 July 25 12:00:00 Z", NOON, 0),
            ("Tue, 1 Jul 125 12:00:00", NOON, 0),
            ("Tue, 1 Jul 0125 12:00:00", NOON, 0),
            ("Tue Jul  1 12:00:00 2025", NOON, 0),
            ("Tue Jul  1 14:00:00 CEST 2025", NOON + 7200, 0),
            ("Tuesday, 1-Jul-2025 12:00:00 -0000", NOON, 0),
            ("(a) Tue, 1 Jul 2025 12:00:00 +0000", NOON, 0),
            ("Tue, 1 Jul 2025 12.00.00 UT", NOON, 0),
            ("1 Jul 2025", NOON - 43200, 0),
            ("Mon, 31 Dec 2018 23:59:60 +0000", 1546300799, 0),
        ):
            self.assertEqual(parse_date(text), SentDate(seconds, zone), text)

    def test_what_is_no_date(self) -> None:
        for text in (
            "",
            "x",
            "32 Jul 2025 12:00",
            "1 Foo 2025 12:00",
            "1 Jul 2025 25:00",
            "٣ Jul 2025",
        ):
            self.assertIsNone(parse_date(text), text)

    def test_the_day_is_that_of_the_sender(self) -> None:
        late = parse_date("Tue, 1 Jul 2025 00:30:00 +0200")
        assert late is not None
        self.assertEqual(late.day, NOON // 86400)

    @given(st.integers(0, 1 << 34))
    def test_what_is_written_is_read(self, seconds: int) -> None:
        self.assertEqual(parse_date(format_date(seconds)), SentDate(seconds, 0))

    @given(st.text("0123456789 JulFeb:+-,()GMT", max_size=40))
    def test_never_raises(self, text: str) -> None:
        parse_date(text)


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
