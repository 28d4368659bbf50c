"""The groups of this machine's users."""

from __future__ import annotations

import grp
import pwd
from contextlib import suppress


def members_of(gid: int) -> set[int]:
    """Return the users of a group, including those whose primary group it is."""
    members = {user.pw_uid for user in pwd.getpwall() if user.pw_gid == gid}
    with suppress(KeyError):
        for name in grp.getgrgid(gid).gr_mem:
            with suppress(KeyError):
                members.add(pwd.getpwnam(name).pw_uid)
    return members


def group_name(gid: int) -> str:
    """Return the name of a group, or its number where it has none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
