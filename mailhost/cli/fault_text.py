"""Describes an exception that a command does not expect, in one line."""

from __future__ import annotations

import os
import sqlite3


def fault_text(error: Exception) -> str:
    """Return the line. A bug is raised again if MAILHOST_TRACEBACK is set."""
    if isinstance(error, PermissionError):
        text = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        return f"{text}; ask as root or as the host's user"
    if isinstance(error, (OSError, sqlite3.Error)):
        return str(error)
    if os.environ.get("MAILHOST_TRACEBACK"):
        raise error
    return (
        f"internal fault, {type(error).__name__}: {error} (set MAILHOST_TRACEBACK=1 to see where)"
    )
