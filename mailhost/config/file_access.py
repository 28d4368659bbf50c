"""The way to a file: every folder that is entered and every link that is followed, and the commands
by which root opens what is closed on it to one user.

Mode bits alone do not tell, so access is tried, not computed. A folder or file of root's group is
given to the group of the user, if that group is the user's alone: ACME clients such as certbot keep
the group of a key file when they write the next one. All others get an entry for the user in their
access control list (ACL), and so keep the rights that others have.
"""

from __future__ import annotations

import os
import pwd
import shlex
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from mailhost.config.groups import group_name, members_of

MOST_LINKS = 40  # as in Linux


@dataclass(frozen=True, slots=True)
class Step:
    """A folder that is entered on the way to a file, or at last the file itself."""

    path: str
    folder: bool

    @property
    def right(self) -> str:
        """The right that is needed, as chmod and setfacl write it."""
        return "x" if self.folder else "r"

    def is_open(self) -> bool:
        """True where this process may do what is needed, by its effective user."""
        wanted = os.X_OK if self.folder else os.R_OK
        return os.access(self.path, wanted, effective_ids=os.access in os.supports_effective_ids)


def steps_to(path: str) -> Iterator[Step]:
    """Yield the steps from the root to a file. Links are followed; each folder comes once. The last
    step is missing where this process cannot see it."""
    waiting = os.path.abspath(path).split("/")[1:]
    here, links, seen = "/", 0, set[str]()
    with suppress(OSError):
        while waiting:
            if here not in seen:
                seen.add(here)
                yield Step(here, folder=True)
            following = os.path.normpath(os.path.join(here, waiting.pop(0)))
            if not os.path.islink(following):
                os.lstat(following)  # raises OSError where the way ends
                here = following
                continue
            links += 1
            if links > MOST_LINKS:
                return
            target = os.readlink(following)
            here = "/" if target.startswith("/") else here
            waiting = [*filter(None, target.split("/")), *waiting]
        yield Step(here, folder=False)


def remedy_for_us(path: str) -> str:
    """Return the commands by which root opens a file to this process, as far as the process can
    see; empty where nothing is closed, or its user has no name. A process that is not root sees no
    further than the first folder that is closed."""
    closed = [step for step in steps_to(path) if not step.is_open()]
    with suppress(KeyError, OSError):
        return opening_commands([*closed, *_beside(closed)], pwd.getpwuid(os.geteuid()).pw_name)
    return ""


def _beside(closed: Iterable[Step]) -> Iterator[Step]:
    """Yield certbot's folder of files where its folder of links is closed: no link in `live` can be
    seen, and each leads into `archive`."""
    for step in closed:
        archive = Step(os.path.join(os.path.dirname(step.path), "archive"), folder=True)
        if os.path.basename(step.path) == "live" and not archive.is_open():
            yield archive


def opening_commands(closed: Iterable[Step], user: str) -> str:
    """Return one line with the commands by which root opens folders and files to a user. Raises
    KeyError for a user that does not exist."""
    entry = pwd.getpwnam(user)
    own_group = members_of(entry.pw_gid) <= {entry.pw_uid}
    commands: dict[str, list[str]] = {}
    for step in dict.fromkeys(closed):
        found = os.stat(step.path)
        by_group = own_group and found.st_gid in (0, entry.pw_gid)
        if found.st_uid == entry.pw_uid:
            command = f"chmod u+{step.right}"
        elif not by_group:
            command = f"setfacl -m u:{user}:{step.right}"
        else:
            command = f"chmod g+{step.right}"
            if found.st_gid != entry.pw_gid:
                commands.setdefault(f"chgrp {group_name(entry.pw_gid)}", []).append(step.path)
        commands.setdefault(command, []).append(step.path)
    return " && ".join(f"{each} {shlex.join(paths)}" for each, paths in commands.items())
