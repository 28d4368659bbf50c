"""Gives all messages of an account a new MODSEQ, after MODSEQs may have been told that the cache
does not know: it lost its last transactions in a power cut, or could not be used for a while."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from mailhost.store.cache.folder_row import folder_rows, write_row
from mailhost.store.cache.pages import read_pages, write_page


def restart(connection: sqlite3.Connection, modseq: int) -> None:
    """Let everything have changed with `modseq`, which is above all that were ever told; what
    vanished before is not known any more. Within a transaction."""
    for row in folder_rows(connection):
        for page in read_pages(connection, row.id, {}).values():
            write_page(connection, row.id, page.with_modseq(modseq))
        write_row(connection, replace(row, modseq=modseq, horizon=modseq))
    connection.execute("DELETE FROM vanished")
