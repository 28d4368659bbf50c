"""Dates and date-times."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar.cursor import BadSyntax
from mailhost.imap.grammar.dates import read_date, read_date_time, write_date_time
from tests.imap.grammar.reading import cursor


class DateTests(SynchronousTestCase):
    def test_days(self) -> None:
        for text in (b"1-Feb-1994", b'"1-Feb-1994"', b"01-feb-1994", b'"01-FEB-1994"'):
            here = cursor(text)
            self.assertEqual(date(1994, 2, 1), read_date(here))
            self.assertTrue(here.at_end())

    def test_no_days(self) -> None:
        for text in (
            b"30-Feb-1994", b"0-Feb-1994", b"1-Foo-1994", b"1-Feb-94", b"1-Feb-0000",
            b'"1-Feb-1994', b"1 Feb 1994", b"",
        ):  # fmt: skip
            self.assertRaises(BadSyntax, read_date, cursor(text))


class DateTimeTests(SynchronousTestCase):
    def test_times(self) -> None:
        for text, seconds in (
            (b'" 1-Jan-1970 00:00:00 +0000"', 0),
            (b'"01-Jan-1970 01:00:00 +0100"', 0),
            (b'"1-Jan-1970 00:00:00 +0000"', 0),
            (b'"31-Dec-1969 23:59:59 +0000"', -1),
            (b'"25-Mar-1994 22:25:00 -0800"', 764663100),
            (b'" 7-feb-1994 21:52:25 -0800"', 760686745),
            (b'"30-Jun-2015 23:59:60 +0000"', 1435708799),
            (b'"01-Jan-1899 00:00:00 +0000"', -2240524800),
        ):
            here = cursor(text)
            self.assertEqual(seconds, read_date_time(here))
            self.assertTrue(here.at_end())

    def test_no_times(self) -> None:
        for text in (
            b"01-Jan-1970 00:00:00 +0000", b'"01-Jan-1970 24:00:00 +0000"',
            b'"01-Jan-1970 00:00:61 +0000"', b'"01-Jan-1970 00:00:00 +2400"',
            b'"01-Jan-1970 00:00:00 +0060"', b'"01-Jan-1970 00:00:00 GMT"', b'"01-Jan-1970"', b'""',
            b'"31-Nov-2020 00:00:00 +0000"', b'"01-Jan-0000 00:00:00 +0000"',
        ):  # fmt: skip
            self.assertRaises(BadSyntax, read_date_time, cursor(text))

    def test_written(self) -> None:
        self.assertEqual(b'"01-Jan-1970 00:00:00 +0000"', write_date_time(0))
        self.assertEqual(b'"26-Mar-1994 06:25:00 +0000"', write_date_time(764663100))

    @given(st.integers(-62135596800, 253402300799))
    def test_a_time_is_read_as_it_was(self, seconds: int) -> None:
        self.assertEqual(seconds, read_date_time(cursor(write_date_time(seconds))))

    @given(st.integers(-(2**63), 2**63))
    def test_any_time_is_written(self, seconds: int) -> None:
        read_date_time(cursor(write_date_time(seconds)))
