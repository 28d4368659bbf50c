"""The summaries of messages in an account's cache: what IMAP answers without reading them.

The short fields that SORT and THREAD read of all messages are in a table of their own: a row with
the other fields has two thousand octets, and SQLite reads half of them to find the next row.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mailhost.interfaces.folders import SummaryField
from mailhost.message.imap.summary import Summary

AT_ONCE = 500  # UIDs asked for by one statement
_LONG = frozenset(
    {
        SummaryField.ENVELOPE,
        SummaryField.BODY,
        SummaryField.BODY_STRUCTURE,
        SummaryField.PARTS,
        SummaryField.HEAD,
        SummaryField.PREVIEW,
    }
)
_TABLES: Mapping[str, Sequence[SummaryField]] = {
    "content": [field for field in SummaryField if field in _LONG],
    "sorting": [field for field in SummaryField if field not in _LONG],
}


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
            f"SELECT uid, {names} FROM {_tables_of(fields)} WHERE folder = ? AND {where}",
            (folder, *values),
        ).fetchall()
        found.update((row[0], row[1:]) for row in rows)
    return found


def _tables_of(fields: Sequence[SummaryField]) -> str:
    """Return the tables that have these fields."""
    tables = [name for name, known in _TABLES.items() if not set(known).isdisjoint(fields)]
    return tables[0] if len(tables) == 1 else "content JOIN sorting USING (folder, uid)"


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
    made = list(summaries)
    for table, fields in _TABLES.items():
        names = ", ".join(field.value for field in fields)
        marks = ", ".join("?" * (len(fields) + 2))
        connection.executemany(
            f"INSERT OR REPLACE INTO {table} (folder, uid, {names}) VALUES ({marks})",
            [(folder, uid, *fields_of(summary, fields)) for uid, summary in made],
        )


def fields_of(summary: Summary, fields: Sequence[SummaryField]) -> Sequence[Any]:
    """Return some fields of a summary."""
    values = {
        SummaryField.REFERENCES: " ".join(summary.references),
        SummaryField.SENT: summary.sent.seconds if summary.sent is not None else None,
        SummaryField.SENT_DAY: summary.sent.day if summary.sent is not None else None,
    }
    return [values[field] if field in values else getattr(summary, field.value) for field in fields]


def remove_summaries(connection: sqlite3.Connection, folder: int, uids: Iterable[int]) -> None:
    """Forget the summaries of these messages."""
    keys = [(folder, uid) for uid in uids]
    for table in _TABLES:
        connection.executemany(f"DELETE FROM {table} WHERE folder = ? AND uid = ?", keys)
