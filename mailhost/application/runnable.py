"""Checks before the start of a host that the user of the settings can run this Python.

The host's other processes start as that user, and some modules are loaded when they are first
needed. If Python or mailhost is installed below a folder that only root may enter, such as root's
home, a host would log that it is ready and then refuse every client.
"""

from __future__ import annotations

import os
import sys

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
    if not path:
        return ""
    return (
        f"the user {user} cannot use {path}, which this host needs to run; install Python and "
        "mailhost where that user may read them, such as /opt/mailhost, or set another user"
    )


def _loaded_files() -> list[str]:
    """The files of all modules that are loaded, but for the script that was started."""
    modules = [module for name, module in sys.modules.items() if name != "__main__"]
    files = {getattr(module, "__file__", None) for module in modules}
    return sorted(file for file in files if file and os.path.isfile(file))


def _usable(path: str) -> bool:
    mode = os.X_OK if path == sys.executable else os.R_OK
    return os.access(path, mode, effective_ids=True)
