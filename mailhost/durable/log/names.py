"""Which changes need the log to be settled first, and under which names the log knows files.

The log knows a file by its base name: the last part of its path up to the colon, behind which a
Maildir has flags. So a rename from new/ to cur/, or to other flags, concerns no record.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from mailhost.interfaces.changes import Change, LinkedFile, NewFile, RemovedFile, RenamedFile

Settle = Callable[[Collection[str]], None]
"""Returns when the log has no records of files with these base names, or of any file where there
are no names: from then on a power cut takes nothing of them, and brings nothing of them back.
Blocks. Raises OSError."""

IN_DOUBT = "/"
"""Among the names for a Settle: the disk may have either of these names of a file. A checkpoint is
made in any case, and until one has succeeded the log takes no removal of such a file."""

_MAILDIR = ("new", "cur")


def nothing_is_logged(names: Collection[str]) -> None:
    """The Settle of files that never go through the writer."""


def base_name(path: str) -> str:
    """Return the base name of a file."""
    return path[path.rfind("/") + 1 :].partition(":")[0]


def names_to_settle(change: Change) -> tuple[str, ...]:
    """Return the base names that the log must not have when a change is made without the log.

    A new message of a Maildir has a name that no file had before. A file that is written to keeps
    its name. If a sync has failed, a link could get octets that only the log has, by another name.
    """
    if isinstance(change, LinkedFile):
        return (base_name(change.source),)
    if isinstance(change, RemovedFile):
        return (base_name(change.path),)
    if isinstance(change, NewFile):
        used = change.replaces or change.again or not _in_maildir(change.final)
        return (base_name(change.final),) if used else ()
    if isinstance(change, RenamedFile):
        old, new = base_name(change.old), base_name(change.new)
        return () if old == new else (old, new)
    return ()


def names_in_doubt(change: Change, error: OSError | None) -> tuple[str, ...]:
    """Return what to settle after a change was made without the log. A rename that has failed may
    be on the disk, and the rename that took it back may not."""
    if isinstance(change, RenamedFile) and not isinstance(error, FileNotFoundError | None):
        return (IN_DOUBT, base_name(change.old), base_name(change.new))
    return ()


def _in_maildir(path: str) -> bool:
    return path.split("/")[-2:-1] in ([part] for part in _MAILDIR)
