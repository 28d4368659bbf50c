"""Finds files that another user cannot read, by opening them in a process that became that user.

Mode bits are not enough, because access lists and the folders above the file matter too.
"""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Iterable

from mailhost.config.model import Settings


def unreadable_by(user: str, paths: Iterable[str]) -> dict[str, str]:
    """Return those of `paths` that `user` cannot open for reading, each with the system's reason.

    Only root may call it. Raises KeyError for a user that does not exist, and OSError.
    """
    entry = pwd.getpwnam(user)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        _child(entry, list(paths), writer)
    os.close(writer)
    with open(reader, "rb") as answer:
        output = answer.read()
    os.waitpid(child, 0)
    if not output:
        raise OSError(f"cannot become the user {user} to check which files that user can read")
    found: dict[str, str] = json.loads(output)
    return found


def user_of_host(settings: Settings) -> str:
    """Return the user of the settings; without one, the owner of the data folder, since systemd may
    set the user. Empty for root or no owner."""
    if settings.user:
        return settings.user
    try:
        owner = os.stat(settings.data).st_uid
        return pwd.getpwuid(owner).pw_name if owner else ""
    except (OSError, KeyError):
        return ""


def _child(entry: pwd.struct_passwd, paths: list[str], writer: int) -> None:
    """Write the answer and end the process, without the exit handlers of the parent.

    Never returns.
    """
    try:
        os.initgroups(entry.pw_name, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
        with open(writer, "wb") as answer:
            answer.write(json.dumps(dict(_unreadable(paths))).encode())
    finally:
        os._exit(0)


def _unreadable(paths: Iterable[str]) -> Iterable[tuple[str, str]]:
    for path in paths:
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            yield path, str(error.strerror)
