"""The place of the directory's database in a data folder, and the reasons why it may be missing.

If the database is missing from a data folder in use, it was lost: with an empty one in its place
every recipient would be refused for good. The disk of an empty data folder may not be mounted. So
the database is made in two cases only: by the first start of a host, which makes the data folder
too, and by `mailhost init`. All other code opens the existing database, or fails with the text of
`why_missing`.
"""

from __future__ import annotations

import os
from contextlib import suppress

NAME = "directory.sqlite"
TRACES = frozenset({"mail", "queue", "incoming"})  # a host that has started leaves these


def database_path(data: str) -> str:
    """Return the path of the database in the data folder `data`."""
    return os.path.join(data, NAME)


def in_use(data: str) -> bool:
    """True if a host has run with this data folder.

    Raises OSError if the folder cannot be listed.
    """
    return not TRACES.isdisjoint(os.listdir(data))


def why_missing(data: str) -> str:
    """Return why a data folder has no database, and the remedy."""
    if not os.path.isdir(data):
        return f"there is no data folder {data}; mount it, or make it with `mailhost init`"
    used = True
    with suppress(OSError):
        used = in_use(data)
    if used:
        return (
            f"{database_path(data)} is missing from a data folder in use; restore it from a copy, "
            "or run `mailhost init` as the first time, with --new-directory: it makes an empty one"
        )
    return (
        f"the data folder {data} has no {NAME}; mount its disk, or set up a new host with "
        "`mailhost init`"
    )


def folder_is_new(data: str) -> str:
    """Return the warning for a start without a data folder."""
    return (
        f"no folder {data} was found: a start makes one, empty; if it should be on a disk that is "
        "not mounted, stop the host and mount that first"
    )
