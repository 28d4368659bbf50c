"""The row of a folder in an account's cache: what SELECT and STATUS answer at once."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

_COLUMNS = (
    "id, path, mailbox_id, uid_validity, uid_next, modseq, horizon, keywords, messages, unseen,"
    " deleted, new_mtime, cur_mtime, list_mtime, dirty, place"
)
_NAMES = _COLUMNS.replace(" ", "").split(",")  # those of the fields of a FolderRow
_MARKS = ", ".join("?" * len(_NAMES))
_KEYWORDS = _NAMES.index("keywords")
_fields_of = attrgetter(*_NAMES)
# all but its own
_TABLES = ("page", "names", "odd_name", "listed", "vanished", "sorting", "content")


@dataclass(frozen=True, slots=True)
class FolderRow:
    """See the table in `schema`. `path` is that of the folder's Maildir below the account's, empty
    for INBOX. The mtimes are in nanoseconds, -1 for never read."""

    id: int
    path: str
    mailbox_id: str
    uid_validity: int
    uid_next: int
    modseq: int
    horizon: int
    keywords: tuple[str, ...] = ()
    messages: int = 0
    unseen: int = 0
    deleted: int = 0
    new_mtime: int = -1
    cur_mtime: int = -1
    list_mtime: int = -1
    dirty: float = 0.0
    place: str = ""

    def moved_to(self, path: str) -> FolderRow:
        """Return the row of the same folder at another path."""
        return replace(self, path=path)


def folder_row(connection: sqlite3.Connection, path: str) -> FolderRow | None:
    """Return the row of the folder at `path`, None where it was never read."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM folder WHERE path = ?",
        (os.fsencode(path),),
    ).fetchone()
    return _row(row) if row is not None else None


def folder_rows(connection: sqlite3.Connection) -> list[FolderRow]:
    """Return the rows of all folders that were ever read."""
    return [_row(row) for row in connection.execute(f"SELECT {_COLUMNS} FROM folder").fetchall()]


def write_row(connection: sqlite3.Connection, row: FolderRow) -> FolderRow:
    """Write a row in place of the one with its id; id 0 is a new one. Returns it with its id."""
    values: list[object] = list(_fields_of(row))
    values[:2] = row.id or None, os.fsencode(row.path)
    values[_KEYWORDS] = "\n".join(row.keywords)
    cursor = connection.execute(
        f"INSERT OR REPLACE INTO folder ({_COLUMNS}) VALUES ({_MARKS})", values
    )
    if row.id:
        return row
    assert cursor.lastrowid is not None
    return _row(
        connection.execute(
            f"SELECT {_COLUMNS} FROM folder WHERE id = ?",
            (cursor.lastrowid,),
        ).fetchone()
    )


def remove_folder(connection: sqlite3.Connection, folder: int) -> None:
    """Remove all that the cache has of a folder."""
    for table in _TABLES:
        connection.execute(f"DELETE FROM {table} WHERE folder = ?", (folder,))
    connection.execute("DELETE FROM folder WHERE id = ?", (folder,))


def remove_all_folders(connection: sqlite3.Connection) -> None:
    """Remove all that the cache has of any folder."""
    for table in (*_TABLES, "folder"):
        connection.execute(f"DELETE FROM {table}")


def _row(values: Sequence[object]) -> FolderRow:
    fields = dict(zip(FolderRow.__dataclass_fields__, values, strict=True))
    text, path = fields["keywords"], fields["path"]
    assert isinstance(text, str)
    assert isinstance(path, bytes)
    fields["path"] = os.fsdecode(path)
    fields["keywords"] = tuple(text.split("\n")) if text else ()
    return FolderRow(**fields)  # type: ignore[arg-type]  # the table has these types
