"""The UIDs that vanished from a folder, by MODSEQ (RFC 7162 §3.2.5), in an account's cache."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from mailhost.message.ranges import ranges_of

MOST_VANISHED = 100_000  # ranges kept for one folder


def add_vanished(
    connection: sqlite3.Connection, folder: int, uids: Sequence[int], modseq: int
) -> None:
    """Remember that these UIDs, which rise, vanished with this MODSEQ."""
    connection.executemany(
        "INSERT INTO vanished (folder, modseq, first_uid, last_uid) VALUES (?, ?, ?, ?)",
        [(folder, modseq, first, last) for first, last in ranges_of(uids)],
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


def forget_vanished(
    connection: sqlite3.Connection, folder: int, most: int = MOST_VANISHED
) -> int | None:
    """Forget the oldest where more than `most` ranges are kept. Returns the MODSEQ up to which
    nothing is known any more, None where nothing was forgotten."""
    row = connection.execute(
        "SELECT modseq FROM vanished WHERE folder = ? ORDER BY modseq DESC LIMIT 1 OFFSET ?",
        (folder, most),
    ).fetchone()
    if row is None:
        return None
    connection.execute("DELETE FROM vanished WHERE folder = ? AND modseq <= ?", (folder, row[0]))
    return int(row[0])
