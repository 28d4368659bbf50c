"""The change from root to the user of the settings, for a while or for good.

Root opens the low ports and reads certificates that only root may read. Every access to the data
folder or another folder of that user has that user's rights, so that a link there leads no further
than the user could go. This module does not import Twisted: the `mailhost` command uses it too.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from mailhost.config.ownership import open_to_others
from mailhost.directory.place import NAME, TRACES, why_missing


class WrongFolder(Exception):
    """The host's user cannot use the data folder; the message names the remedy."""


@contextmanager
def as_user(user: str) -> Iterator[None]:
    """Give root the effective rights of `user` for a while; other users keep their own.

    Raises KeyError where there is no such user.
    """
    if not user or os.geteuid() != 0:
        yield
        return
    entry = pwd.getpwnam(user)
    with _effective(entry.pw_uid, entry.pw_gid, os.getgrouplist(user, entry.pw_gid)):
        yield


@contextmanager
def as_owner(path: str) -> Iterator[None]:
    """Give root the effective rights of the owner of `path` for a while. Raises OSError."""
    owner = os.stat(path)
    if os.geteuid() != 0 or owner.st_uid == 0:
        yield
        return
    with _effective(owner.st_uid, owner.st_gid, [owner.st_gid]):
        yield


@contextmanager
def as_other_owner(path: str) -> Iterator[None]:
    """Within `as_owner`: give what root started the rights of the owner of another path for a
    while; a symbolic link has an owner of its own. Raises OSError."""
    if os.getuid() != 0:
        yield
        return
    before = os.geteuid(), os.getegid(), os.getgroups()
    os.seteuid(0)
    try:
        owner = os.lstat(path)
        if owner.st_uid == 0:
            yield
        else:
            with _effective(owner.st_uid, owner.st_gid, [owner.st_gid]):
                yield
    finally:
        os.setgroups(before[2])
        os.setegid(before[1])
        os.seteuid(before[0])


@contextmanager
def _effective(uid: int, gid: int, groups: list[int]) -> Iterator[None]:
    before = os.getgroups(), os.getegid()
    os.setgroups(groups)
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(before[1])
        os.setgroups(before[0])


def become(user: str) -> None:
    """Drop to `user` for good, with its groups. Without root's rights nothing changes."""
    if user and os.getuid() == 0:
        entry = pwd.getpwnam(user)
        os.initgroups(user, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)


def make_data_folder(path: str, user: str) -> bool:
    """Make the data folder, for `user` alone; False where it exists.

    It is made with the rights of that user if those suffice; else by root, in a folder that only
    root can change. Raises OSError, WrongFolder.
    """
    if os.path.isdir(path):
        return False
    try:
        with as_user(user):
            os.makedirs(path, mode=0o700)
    except PermissionError:
        if not user or os.geteuid() != 0:
            raise
        _make_as_root(path, pwd.getpwnam(user))
    return True


def _make_as_root(path: str, user: pwd.struct_passwd) -> None:
    parent = os.path.dirname(path)
    if not only_roots(parent):
        text = f"cannot make {path} for {user.pw_name}: others can change {parent}; make it first"
        raise WrongFolder(text)
    os.makedirs(path, mode=0o700)
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fchown(fd, user.pw_uid, user.pw_gid)
    finally:
        os.close(fd)


def only_roots(folder: str) -> bool:
    """True if no user but root can change `folder`, or what leads to it. It need not exist."""
    way = os.path.abspath(folder)
    for each in dict.fromkeys((way, os.path.realpath(way))):
        while each != "/":
            with suppress(FileNotFoundError):
                if os.lstat(each).st_uid != 0:
                    return False
            each = os.path.dirname(each)
    return not open_to_others(way)


def check_data_folder(path: str, user: str) -> None:
    """Raise WrongFolder for a data folder that is empty, or is not `user`'s with all that is in it.

    That a folder is empty is reported first, since one where nothing is mounted mostly belongs to
    root. Files that root restored from a backup may belong to root too.
    """
    with suppress(PermissionError):
        if not os.listdir(path):
            raise WrongFolder(why_missing(path))
    check_owner(path, user)
    with as_user(user):
        inside = [os.path.join(path, name) for name in (NAME, *sorted(TRACES))]
        closed = [each for each in inside if os.path.exists(each) and not _writable(each)]
        wanted = _name(os.geteuid())
    if closed:
        raise WrongFolder(f"{wanted} cannot write to {closed[0]}; run: chown -R {wanted} {path}")


def _writable(path: str) -> bool:
    return os.access(path, os.W_OK, effective_ids=True)


def check_owner(path: str, user: str) -> None:
    """Raise WrongFolder unless the data folder belongs to `user`, or for no user to this process'
    own."""
    uid = pwd.getpwnam(user).pw_uid if user and os.geteuid() == 0 else os.geteuid()
    owner = os.stat(path).st_uid
    if owner == uid or (owner == 0 and may_write(path, user)):
        return
    wanted, now = _name(uid), _name(owner)
    text = f"the data folder {path} belongs to {now}, and the host runs as {wanted}; "
    remedy = f"run: chown -R {wanted} {path}"
    if owner and os.geteuid() != 0:
        remedy = f"start it as root or as {now}"
    elif owner and not uid:
        remedy = f'set user = "{now}"'
    raise WrongFolder(text + remedy)


def may_write(folder: str, user: str) -> bool:
    """True where `user`, or for no user this process, can make files in a folder."""
    with as_user(user):
        return os.access(folder, os.W_OK | os.X_OK, effective_ids=True)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
