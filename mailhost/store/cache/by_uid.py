"""Short texts that few messages of a folder have, in an account's cache: one table for each kind.

A file whose name does not end as its flags are written is in `odd_name`: letters of other programs,
or no flags at all. A message of which the UID list says more than the UID is in `listed`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum


class Kind(Enum):
    """The table, and its column with the text."""

    ODD_NAME = ("odd_name", "info")
    LISTED = ("listed", "fields")


def read_texts(
    connection: sqlite3.Connection, folder: int, kind: Kind, uids: Sequence[int]
) -> dict[int, str]:
    """Return the texts of those that have one, by UID; others between the first and the last of
    `uids`, which rise, may be there too."""
    if not uids:
        return {}
    table, column = kind.value
    rows = connection.execute(
        f"SELECT uid, {column} FROM {table} WHERE folder = ? AND uid BETWEEN ? AND ?",
        (folder, uids[0], uids[-1]),
    ).fetchall()
    return {uid: os.fsdecode(text) for uid, text in rows}


def write_texts(
    connection: sqlite3.Connection, folder: int, kind: Kind, texts: Mapping[int, str]
) -> None:
    """Keep texts by UID."""
    table, column = kind.value
    connection.executemany(
        f"INSERT OR REPLACE INTO {table} (folder, uid, {column}) VALUES (?, ?, ?)",
        [(folder, uid, os.fsencode(text)) for uid, text in texts.items()],
    )


def remove_texts(
    connection: sqlite3.Connection, folder: int, kind: Kind, uids: Iterable[int]
) -> None:
    """Forget those of these messages."""
    table = kind.value[0]
    keys = [(folder, uid) for uid in uids]
    if len(keys) > 1 and _is_empty(connection, folder, table):
        return
    connection.executemany(f"DELETE FROM {table} WHERE folder = ? AND uid = ?", keys)


def _is_empty(connection: sqlite3.Connection, folder: int, table: str) -> bool:
    query = f"SELECT 1 FROM {table} WHERE folder = ? LIMIT 1"
    return connection.execute(query, (folder,)).fetchone() is None
