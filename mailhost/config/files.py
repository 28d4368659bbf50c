"""Explains why a file that the settings name cannot be read, and names the remedy."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable

from mailhost.config.file_access import Step, remedy_for_us


def unreadable(path: str, error: OSError) -> str:
    """Return the reason and the remedy after reading `path` raised `error`."""
    text = f"cannot read {path}"
    if isinstance(error, FileNotFoundError):
        return f"{text}: {_missing(path)}"
    if isinstance(error, IsADirectoryError):
        return f"{text}: it is a folder; write the path of a file in it"
    if isinstance(error, NotADirectoryError):
        return f"{text}: {_first(path, os.path.isfile)} is a file, not a folder"
    if isinstance(error, PermissionError):
        return f"{text}: {_forbidden(path)}"
    return f"{text}: {error.strerror}"


def _missing(path: str) -> str:
    if os.path.islink(path):
        return f"it is a link to {os.readlink(path)}, which is not there"
    folder = _first(path, lambda each: not os.path.exists(each))
    if folder and folder != path:
        return f"there is no folder {folder}"
    return "there is no such file; correct the path, or make it"


def _forbidden(path: str) -> str:
    commands = remedy_for_us(path)
    remedy = f"run as root: {commands}" if commands else "allow it with chown or chmod"
    folder = _first(os.path.dirname(path), lambda each: not Step(each, folder=True).is_open())
    if folder:
        return f"{_user()} may not enter the folder {folder}; {remedy}"
    return f"{_user()} may not read it; {remedy}"


def _user() -> str:
    try:
        return f"the user {pwd.getpwuid(os.geteuid()).pw_name}"
    except KeyError:
        return f"the user {os.geteuid()}"


def _first(path: str, holds: Callable[[str], bool]) -> str:
    """Return the first path for which `holds` is true, from the root to `path`; empty for none."""
    way = [path]
    while os.path.dirname(way[-1]) != way[-1]:
        way.append(os.path.dirname(way[-1]))
    return next((each for each in reversed(way) if each and holds(each)), "")
