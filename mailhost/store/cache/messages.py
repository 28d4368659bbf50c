"""The rows of messages in an account's cache: which file has which UID, and what has vanished."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

AT_ONCE = 500  # UIDs asked for by one statement
MOST_VANISHED = 100_000  # ranges kept for one folder


@dataclass(frozen=True, slots=True)
class MessageRow:
    """`base` is the name of the file without its flags; `guid` is empty where that is the GUID."""

    uid: int
    base: str
    guid: str = ""
    saved: int = 0


def add_rows(connection: sqlite3.Connection, folder: int, rows: Iterable[MessageRow]) -> None:
    """Add messages to a folder."""
    connection.executemany(
        "INSERT OR REPLACE INTO message (folder, uid, base, guid, saved) VALUES (?, ?, ?, ?, ?)",
        [(folder, row.uid, os.fsencode(row.base), row.guid, row.saved) for row in rows],
    )


def all_bases(connection: sqlite3.Connection, folder: int) -> dict[int, str]:
    """Return the base names of all messages by UID, rising."""
    rows = connection.execute(
        "SELECT uid, base FROM message WHERE folder = ? ORDER BY uid", (folder,)
    ).fetchall()
    decode = os.fsdecode
    return {uid: decode(base) for uid, base in rows}


def rows_of(
    connection: sqlite3.Connection, folder: int, uids: Sequence[int]
) -> dict[int, MessageRow]:
    """Return the rows of messages by UID; those that are gone are left out."""
    rows: dict[int, MessageRow] = {}
    for start in range(0, len(uids), AT_ONCE):
        some = uids[start : start + AT_ONCE]
        marks = ",".join("?" * len(some))
        found = connection.execute(
            f"SELECT uid, base, guid, saved FROM message WHERE folder = ? AND uid IN ({marks})",
            (folder, *some),
        )
        rows.update(
            (uid, MessageRow(uid, os.fsdecode(base), guid, saved))
            for uid, base, guid, saved in found.fetchall()
        )
    return rows


def remove_rows(
    connection: sqlite3.Connection, folder: int, uids: Sequence[int], modseq: int
) -> None:
    """Remove messages, and remember that they vanished with this MODSEQ."""
    keys = [(folder, uid) for uid in uids]
    connection.executemany("DELETE FROM message WHERE folder = ? AND uid = ?", keys)
    connection.executemany("DELETE FROM content WHERE folder = ? AND uid = ?", keys)
    connection.executemany(
        "INSERT INTO vanished (folder, modseq, first_uid, last_uid) VALUES (?, ?, ?, ?)",
        [(folder, modseq, first, last) for first, last in ranges(uids)],
    )


def vanished_since(
    connection: sqlite3.Connection, folder: int, modseq: int
) -> list[tuple[int, int]]:
    """Return what vanished after a MODSEQ as ranges of UIDs, rising."""
    return connection.execute(
        "SELECT first_uid, last_uid FROM vanished WHERE folder = ? AND modseq > ?"
        " ORDER BY first_uid",
        (folder, modseq),
    ).fetchall()


def forget_vanished(connection: sqlite3.Connection, folder: int) -> int | None:
    """Forget the oldest where more are kept than MOST_VANISHED. Returns the MODSEQ up to which
    nothing is known any more, None where nothing was forgotten."""
    row = connection.execute(
        "SELECT modseq FROM vanished WHERE folder = ? ORDER BY modseq DESC LIMIT 1 OFFSET ?",
        (folder, MOST_VANISHED),
    ).fetchone()
    if row is None:
        return None
    connection.execute("DELETE FROM vanished WHERE folder = ? AND modseq <= ?", (folder, row[0]))
    return int(row[0])


def ranges(uids: Iterable[int]) -> list[tuple[int, int]]:
    """Return rising UIDs as ranges (first, last)."""
    found: list[tuple[int, int]] = []
    first = last = 0
    for uid in uids:
        if uid == last + 1 and first:
            last = uid
            continue
        if first:
            found.append((first, last))
        first = last = uid
    if first:
        found.append((first, last))
    return found
