"""Which files another user cannot read: found by trying, in a process that became that user.

Mode bits alone would not tell of access lists, nor of folders above that are closed.
"""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Iterable


def unreadable_by(user: str, paths: Iterable[str]) -> dict[str, str]:
    """Return those of `paths` that `user` cannot open for reading, each with the system's reason.

    Only root can ask. Raises KeyError for a user that this machine has not, and OSError.
    """
    entry = pwd.getpwnam(user)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        _child(entry, list(paths), writer)
    os.close(writer)
    with open(reader, "rb") as answer:
        said = answer.read()
    os.waitpid(child, 0)
    if not said:
        raise OSError(f"cannot become the user {user} to see what that user can read")
    found: dict[str, str] = json.loads(said)
    return found


def _child(entry: pwd.struct_passwd, paths: list[str], writer: int) -> None:
    """Never returns: what else the parent has to do at its end is not done here."""
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
