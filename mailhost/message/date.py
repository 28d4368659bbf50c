"""Dates in the format of header fields (RFC 5322 §3.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@lru_cache(maxsize=4)
def format_date(seconds: int) -> str:
    """Return `Thu, 01 Jan 1970 00:00:00 +0000` for whole seconds since the epoch."""
    at = datetime.fromtimestamp(seconds, UTC)
    return (
        f"{_DAYS[at.weekday()]}, {at.day:02d} {_MONTHS[at.month - 1]} {at.year} {at:%H:%M:%S} +0000"
    )


_ZONES = {"ut": 0, "gmt": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6}
_ZONES |= {"pst": -8, "pdt": -7}  # RFC 5322 §4.3; other letters say nothing
_DATE = re.compile(
    r"\s*(?:[a-z]+\.?\s*,?\s*)?(\d{1,2})[\s-]+([a-z]{3})[a-z]*\.?[\s-]+(\d{2,4})"
    r"(?:\s*,?\s+(\d{1,2})[:.](\d{1,2})(?:[:.](\d{1,2}))?)?"
    r"\s*(?:([+-]\d{4})|([a-z]+))?",
    re.IGNORECASE | re.ASCII,
)
_UNIX_DATE = re.compile(  # `Thu Jan  1 00:00:00 1970`, as some programs write it
    r"\s*(?:[a-z]{3,9},?\s+)?([a-z]{3})[a-z]*\s+(\d{1,2}),?\s+(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?\s+"
    r"(?:([a-z]{3,4})\s+)?(\d{4})\s*([+-]\d{4})?",
    re.IGNORECASE | re.ASCII,
)
_COMMENT = re.compile(r"\([^()]*\)")
_MONTH_NUMBERS = {name.lower(): number for number, name in enumerate(_MONTHS, 1)}


@dataclass(frozen=True, slots=True)
class SentDate:
    """An instant in seconds since the epoch, and the offset of its zone from UTC in seconds."""

    seconds: int
    zone: int

    @property
    def day(self) -> int:
        """Days since the epoch of the date as it is written, which SEARCH compares."""
        return (self.seconds + self.zone) // 86400


def parse_date(text: str) -> SentDate | None:
    """Return what a Date field says (RFC 5322 §3.3, §4.3), None where it cannot be read.

    A missing time of day is midnight, a missing or unknown zone is UTC.
    """
    text = text[:200]
    if "(" in text:
        text = _COMMENT.sub(" ", text)
    match = _DATE.match(text)
    if match is not None:
        day, month, year, hour, minute, second, offset, zone = match.groups()
    else:
        match = _UNIX_DATE.match(text)
        if match is None:
            return None
        month, day, hour, minute, second, zone, year, offset = match.groups()
    number = _MONTH_NUMBERS.get(month.lower())
    if number is None:
        return None
    seconds = _seconds_of_zone(offset, zone)
    try:
        at = datetime(_full_year(year), number, int(day), tzinfo=UTC)
    except ValueError:
        return None
    time = int(hour or 0) * 3600 + int(minute or 0) * 60 + min(int(second or 0), 59)
    return SentDate(int(at.timestamp()) + time - seconds, seconds) if time < 86400 else None


def _full_year(year: str) -> int:
    """RFC 5322 §4.3: two digits below 50 are of this century, and three count from 1900. Some
    programs write the latter with a 0 in front."""
    number = int(year)
    if len(year) == 2 and number < 50:
        return number + 2000
    return number + 1900 if number < 1000 else number


def _seconds_of_zone(offset: str | None, zone: str | None) -> int:
    if offset:
        seconds = int(offset[1:3]) * 3600 + int(offset[3:]) * 60
        return min(seconds, 86340) * (-1 if offset[0] == "-" else 1)
    return _ZONES.get((zone or "").lower(), 0) * 3600
