"""Checks that only the host's user and root can write to the folders and files of the host.

Users who can write to the data folder can replace a socket or a file in it, and so read mail; with
the settings file, the code of a filter or a program they decide what the host does. Such folders
and files are refused, as are secrets that other users can read. The owner and root may write, and
so may a group without other members: many systems give each user such a group. The folders above
are checked too, unless they are sticky: in a sticky folder users cannot rename the files of others.
"""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

from mailhost.config.endpoint import parse_endpoint
from mailhost.config.filters.outside import Python
from mailhost.config.groups import group_name, members_of
from mailhost.config.model import Settings
from mailhost.config.problems import Problem, key_of

# folders and files of the data folder
_INSIDE = (
    "directory.sqlite",
    "mail",
    "queue",
    "incoming",
    "tls",
    "certificates",
    "dmarc",
    "tls-reports",
)


def check_ownership(settings: Settings) -> Iterator[Problem]:
    """Yield a problem for the data folder, folders of sockets, code of filters and programs that
    other users can write."""
    inside = (os.path.join(settings.data, name) for name in _INSIDE)
    faults = (open_to_others(path, settings.user) for path in (settings.data, *inside))
    yield from (Problem("data", fault) for fault in islice(filter(None, faults), 1))
    for number, listen in enumerate(settings.listen):
        endpoint = parse_endpoint(listen.endpoint)
        if endpoint.kind == "unix":
            folder = os.path.dirname(endpoint.part("address"))
            fault = open_to_others(folder, settings.user)
            if fault:
                yield Problem(key_of(("listen", number, "endpoint")), fault)
    for program in settings.tls.acme.dns_command[:1]:
        fault = open_to_others(program, settings.user)
        if fault:
            yield Problem(key_of(("tls", "acme", "dns_command")), fault)
    for number, each in enumerate(settings.filter):
        code = each.file if isinstance(each, Python) else None
        fault = open_to_others(code, settings.user) if code else ""
        if fault:
            yield Problem(key_of(("filter", number, "file")), fault)


def check_settings_file(path: str) -> Iterator[Problem]:
    """Yield a problem if other users can write the settings file."""
    fault = open_to_others(path)
    if fault:
        yield Problem("", fault)


def open_to_others(path: str, user: str = "") -> str:
    """Return how other users can change a file or folder, with the remedy; empty if they cannot.

    `user` may write, as may the owner and root. A path that is missing or cannot be examined has no
    fault.
    """
    trusted = {0}
    with suppress(KeyError):
        trusted.add(pwd.getpwnam(user).pw_uid)
    fault = _fault(path, trusted, sticky=False)
    for folder in () if fault else _folders_above(path):
        fault = fault or _fault(folder, trusted, sticky=True)
    return fault


def _folders_above(path: str) -> Iterator[str]:
    """Yield each folder above `path`, as the path is written and with symbolic links resolved."""
    for way in dict.fromkeys((os.path.abspath(path), os.path.realpath(path))):
        while way != os.path.dirname(way):
            way = os.path.dirname(way)
            yield way


def _fault(path: str, trusted: set[int], sticky: bool) -> str:
    try:
        found = os.stat(path)
        read_only = bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return ""
    mode = found.st_mode
    regular = stat.S_ISDIR(mode) or stat.S_ISREG(mode)
    if not regular or read_only or (sticky and mode & stat.S_ISVTX):
        return ""
    if mode & stat.S_IWOTH:
        remedy = f"name a folder in {path}" if mode & stat.S_ISVTX else f"run: chmod o-w {path}"
        return f"everybody on this machine can write to {path}; {remedy}"
    if mode & stat.S_IWGRP and not members_of(found.st_gid) <= {*trusted, found.st_uid}:
        group = group_name(found.st_gid)
        return f"the group {group} can write to {path}; run: chmod g-w {path}"
    return ""
