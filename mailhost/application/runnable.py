"""Checks before the start of a host that the user of the settings can run this Python.

The host's other processes start as that user, and some modules are loaded when they are first
needed. If Python or mailhost is installed below a folder that only root may enter, such as root's
home, a host would log that it is ready and then refuse every client.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mailhost.application.privileges import as_user


def cannot_run(user: str) -> str:
    """Return why `user` cannot run this installation, with the remedy; empty where that works.

    Without root's rights there is no change of user, and nothing to check.
    """
    if not user or os.geteuid() != 0:
        return ""
    needed = [sys.executable, *_loaded_files()]
    with as_user(user):
        path = next((path for path in needed if not _usable(path)), "")
        closed = _closed_folder(path) if path else ""
    if not path:
        return ""
    real = os.path.realpath(path)
    link = f", a link to {real}" if real != path else ""
    why = f", and may not enter {closed}" if closed else ""
    return (
        f"the user {user} cannot use {path}{link}, which this host needs to run{why}; install "
        "Python and mailhost where that user may read them, such as in a virtual environment at "
        "/opt/mailhost that /usr/bin/python3 has made, or set another user"
    )


def _closed_folder(path: str) -> str:
    """The topmost folder on the way to a file that we may not enter, empty for none."""
    for way in (Path(os.path.abspath(path)), Path(os.path.realpath(path))):
        for folder in reversed(way.parents):
            if not os.access(folder, os.X_OK, effective_ids=True):
                return str(folder)
    return ""


def _loaded_files() -> list[str]:
    """The files of all modules that are loaded, but for the script that was started."""
    script = sys.modules["__main__"]  # multiprocessing gives it another name too
    modules = [module for module in sys.modules.values() if module is not script]
    files = {getattr(module, "__file__", None) for module in modules}
    return sorted(file for file in files if file and os.path.isfile(file))


def _usable(path: str) -> bool:
    mode = os.X_OK if path == sys.executable else os.R_OK
    return os.access(path, mode, effective_ids=True)
