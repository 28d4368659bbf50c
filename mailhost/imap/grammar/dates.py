"""Dates of IMAP: the day of a search, and the date-time of INTERNALDATE and APPEND."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache

from mailhost.imap.grammar.cursor import Cursor

_MONTHS = (b"JAN", b"FEB", b"MAR", b"APR", b"MAY", b"JUN",
           b"JUL", b"AUG", b"SEP", b"OCT", b"NOV", b"DEC")  # fmt: skip
_NUMBERS = {name: number for number, name in enumerate(_MONTHS, 1)}
_SHORT = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# date = date-text / DQUOTE date-text DQUOTE;  date-text = date-day "-" date-month "-" date-year
_DATE = re.compile(rb'("?)([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})\1')
# date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE
_DATE_TIME = re.compile(
    rb'"(?: ?([0-9])|([0-9]{2}))-([A-Za-z]{3})-([0-9]{4}) '
    rb'([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"'
)


def read_date(cursor: Cursor) -> date:
    """Read the day of a search key. Raises BadSyntax."""
    found = _DATE.match(cursor.text, cursor.at)
    try:
        if not found:
            raise ValueError
        day = date(int(found[4]), _NUMBERS[found[3].upper()], int(found[2]))
    except (ValueError, KeyError):
        raise cursor.expected("a date such as 1-Feb-1994") from None
    cursor.at = found.end()
    return day


def read_date_time(cursor: Cursor) -> int:
    """Read a date-time; return seconds since 1970, which may be negative. Raises BadSyntax."""
    found = _DATE_TIME.match(cursor.text, cursor.at)
    try:
        if not found:
            raise ValueError
        seconds = _seconds(found)
    except (ValueError, KeyError):
        what = 'a date such as " 1-Feb-1994 21:52:25 -0800"'
        raise cursor.expected(what) from None
    cursor.at = found.end()
    return seconds


def _seconds(found: re.Match[bytes]) -> int:
    """Raises ValueError, KeyError."""
    hours, minutes = int(found[9]), int(found[10])
    if minutes > 59:
        raise ValueError
    offset = timedelta(hours=hours, minutes=minutes)
    zone = timezone(offset if found[8] == b"+" else -offset)
    second = min(int(found[7]), 59 if found[7] == b"60" else 99)  # a leap second
    at = datetime(
        int(found[4]), _NUMBERS[found[3].upper()], int(found[1] or found[2]),
        int(found[5]), int(found[6]), second, tzinfo=zone,
    )  # fmt: skip
    return (at - _EPOCH) // _SECOND


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@lru_cache(maxsize=256)
def _day(number: int) -> str:
    """`01-Feb-1994` of days since 1970; the first and the last day of the calendar for others."""
    number = min(max(number, (_EARLIEST - _EPOCH).days), (_LATEST - _EPOCH).days)
    at = _EPOCH + timedelta(days=number)
    return f"{at.day:02d}-{_SHORT[at.month - 1]}-{at.year:04d}"


def write_date_time(seconds: int) -> bytes:
    """Return `"01-Feb-1994 21:52:25 +0000"` with its quotes, of seconds since 1970."""
    days, rest = divmod(seconds, 86400)
    return b'"%s %02d:%02d:%02d +0000"' % (
        _day(days).encode(),
        rest // 3600,
        rest // 60 % 60,
        rest % 60,
    )
