"""Finds files that another user cannot read, and what is closed to that user on the way to them, by
trying it in a process that became that user.

Mode bits are not enough, because access lists and the folders above the file matter too.
"""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from mailhost.config.file_access import Step, opening_commands, steps_to
from mailhost.config.model import Settings


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a file cannot be read, in the system's words, and what is closed on the way to it."""

    reason: str
    closed: tuple[Step, ...]


def unreadable_by(user: str, paths: Iterable[str]) -> dict[str, Unreadable]:
    """Return those of `paths` that `user` cannot open for reading.

    Only root may call it. Raises KeyError for a user that does not exist, and OSError.
    """
    entry = pwd.getpwnam(user)
    ways = {path: list(steps_to(path)) for path in paths}
    with ExitStack() as until_asked:
        opened = _open_all({step for way in ways.values() for step in way}, until_asked)
        output = _ask_as(entry, ways, opened)
    if not output:
        raise OSError(f"cannot become the user {user} to check which files that user can read")
    found: dict[str, tuple[str, list[int]]] = json.loads(output)
    return {
        path: Unreadable(reason, tuple(ways[path][number] for number in closed))
        for path, (reason, closed) in found.items()
    }


def commands_to_open(found: Iterable[Unreadable], user: str) -> str:
    """Return the commands by which root opens files to a user; empty where that does not help."""
    return opening_commands((step for each in found for step in each.closed), user)


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


def _open_all(steps: Iterable[Step], until: ExitStack) -> dict[Step, int]:
    """Return a descriptor of each step, by which it is examined apart from those above it."""
    opened = dict[Step, int]()
    for step in steps:
        opened[step] = os.open(step.path, os.O_PATH | os.O_CLOEXEC)
        until.callback(os.close, opened[step])
    return opened


def _ask_as(
    entry: pwd.struct_passwd, ways: Mapping[str, Sequence[Step]], opened: Mapping[Step, int]
) -> bytes:
    """Return the answer of a process that became the user, empty if it could not."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        _child(entry, ways, opened, writer)
    os.close(writer)
    with open(reader, "rb") as answer:
        output = answer.read()
    os.waitpid(child, 0)
    return output


def _child(
    entry: pwd.struct_passwd,
    ways: Mapping[str, Sequence[Step]],
    opened: Mapping[Step, int],
    writer: int,
) -> None:
    """Write the answer and end the process, without the exit handlers of the parent.

    Never returns.
    """
    try:
        os.initgroups(entry.pw_name, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
        closed = {step for step, descriptor in opened.items() if not _is_open(step, descriptor)}
        found = {
            path: (reason, [number for number, step in enumerate(way) if step in closed])
            for path, way in ways.items()
            if (reason := _why_unreadable(path))
        }
        with open(writer, "wb") as answer:
            answer.write(json.dumps(found).encode())
    finally:
        os._exit(0)


def _is_open(step: Step, descriptor: int) -> bool:
    return Step(f"/proc/self/fd/{descriptor}", step.folder).is_open()


def _why_unreadable(path: str) -> str:
    """Return why this process cannot open a file, empty if it can."""
    try:
        with open(path, "rb"):
            return ""
    except OSError as error:
        return str(error.strerror)
