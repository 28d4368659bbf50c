"""The summaries of messages in an account's cache: what IMAP answers without reading them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from mailhost.interfaces.folders import SummaryField
from mailhost.message.imap.summary import Summary

AT_ONCE = 500  # UIDs asked for by one statement
_COLUMNS = ", ".join(field.value for field in SummaryField)
_MARKS = ", ".join("?" * (len(SummaryField) + 2))


def read_summaries(
    connection: sqlite3.Connection,
    folder: int,
    uids: Sequence[int],
    fields: Sequence[SummaryField],
) -> dict[int, Sequence[Any]]:
    """Return fields of the summaries that are there, by UID."""
    names = ", ".join(field.value for field in fields)
    found: dict[int, Sequence[Any]] = {}
    for start in range(0, len(uids), AT_ONCE):
        some = uids[start : start + AT_ONCE]
        where, values = _where(some)
        rows = connection.execute(
            f"SELECT uid, {names} FROM content WHERE folder = ? AND {where}",
            (folder, *values),
        ).fetchall()
        found.update((row[0], row[1:]) for row in rows)
    return found


def heads_of(
    connection: sqlite3.Connection, folder: int, uids: Sequence[int]
) -> dict[int, bytes | None]:
    """Return the kept header fields of the messages that have a summary, by UID; None for a message
    with too many to be kept."""
    found = read_summaries(connection, folder, uids, (SummaryField.HEAD,))
    return {uid: head for uid, (head,) in found.items()}


def _where(uids: Sequence[int]) -> tuple[str, Sequence[int]]:
    """A range is looked up several times faster than as many numbers."""
    if uids[-1] - uids[0] == len(uids) - 1:
        return "uid BETWEEN ? AND ?", (uids[0], uids[-1])
    return f"uid IN ({','.join('?' * len(uids))})", uids


def write_summaries(
    connection: sqlite3.Connection, folder: int, summaries: Iterable[tuple[int, Summary]]
) -> None:
    """Keep summaries by UID."""
    connection.executemany(
        f"INSERT OR REPLACE INTO content (folder, uid, {_COLUMNS}) VALUES ({_MARKS})",
        [(folder, uid, *row_of(summary)) for uid, summary in summaries],
    )


def row_of(summary: Summary) -> Sequence[Any]:
    """Return the fields of a summary in the order of SummaryField."""
    values = {
        SummaryField.REFERENCES: " ".join(summary.references),
        SummaryField.SENT: summary.sent.seconds if summary.sent is not None else None,
        SummaryField.SENT_DAY: summary.sent.day if summary.sent is not None else None,
    }
    return [
        values[field] if field in values else getattr(summary, field.value)
        for field in SummaryField
    ]


def fields_of(summary: Summary, fields: Sequence[SummaryField]) -> Sequence[Any]:
    """Return some fields of a summary."""
    row = dict(zip(SummaryField, row_of(summary), strict=True))
    return [row[field] for field in fields]


def remove_summaries(connection: sqlite3.Connection, folder: int, uids: Iterable[int]) -> None:
    """Forget the summaries of these messages."""
    connection.executemany(
        "DELETE FROM content WHERE folder = ? AND uid = ?", [(folder, uid) for uid in uids]
    )
