"""Names of folders as clients see them, and of their directories in a Maildir++.

A client's name is Unicode with `/` between levels. The directory has a dot in front, dots between
levels, and the name in modified UTF-7: `Sent/2024` lies in `.Sent.2024`. That is Dovecot's default.
The account's own Maildir is INBOX, in any case; folders below it begin with `.INBOX.`. Directories
of other programs that are no modified UTF-7 are shown under their name as it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mailhost.message.utf7 import decode_utf7, encode_utf7
from mailhost.store.maildir.links import is_folder

INBOX = "INBOX"
LONGEST = 255  # octets of a directory's name
# controls, line separators, and halves of surrogate pairs (RFC 9051 §5.1, RFC 5198)
_UNFIT = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

USUAL_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "\\Sent": ("Sent", "Sent Messages", "Sent Items", "Sent Mail"),
        "\\Drafts": ("Drafts", "Draft"),
        "\\Junk": ("Junk", "Spam", "Junk Email", "Junk E-mail", "Junk Mail", "Bulk Mail"),
        "\\Trash": ("Trash", "Deleted Messages", "Deleted Items"),
        "\\Archive": ("Archive", "Archives"),
    }
)


@dataclass(frozen=True, slots=True)
class UnfitName:
    """Why a folder cannot have a name, in words for the client."""

    text: str


@dataclass(frozen=True, slots=True)
class FoundFolders:
    """The folders of an account: directories by name, an empty one for INBOX.

    `left_out` are directories that have no name which a client could say.
    """

    directories: Mapping[str, str]
    left_out: tuple[str, ...]


def canonical(name: str) -> str:
    """Return a name with INBOX in capitals as its first level, whatever the client wrote."""
    first, slash, rest = name.partition("/")
    return f"{INBOX}{slash}{rest}" if first.upper() == INBOX else name


def directory_of(name: str) -> str | UnfitName:
    """Return the directory of a new folder below the account's Maildir, empty for INBOX."""
    name = canonical(name)
    if name == INBOX:
        return ""
    fault = _fault(name)
    if fault:
        return UnfitName(fault)
    directory = "." + encode_utf7(name).decode("ascii").replace("/", ".")
    if len(directory) > LONGEST:
        return UnfitName(f"The name is too long: it needs more than {LONGEST - 1} octets")
    return directory


def _fault(name: str) -> str:
    if not all(name.split("/")):
        return "Each level of a folder's name needs at least one character"
    if "." in name:
        return 'A folder\'s name cannot contain "."; levels are separated by "/"'
    if name.startswith("~"):
        return 'A folder\'s name cannot begin with "~"'
    if _UNFIT.search(name):
        return "A folder's name cannot contain control characters"
    return ""


def fitting(name: str) -> str:
    """Return a name that a new folder can have, for a folder of another host: what does not fit
    becomes `_`. One that is too long stays."""
    levels = (_UNFIT.sub("_", level).replace(".", "_") or "_" for level in name.split("/"))
    name = "/".join(levels)
    return f"_{name[1:]}" if name.startswith("~") else name


def name_of(directory: str) -> str | None:
    """Return the name of a directory in an account's Maildir, None where it is no folder."""
    if directory[:1] != "." or not all(directory[1:].split(".")):
        return None
    name = _decoded(directory[1:])
    if name is None:
        return None
    name = canonical(name.replace(".", "/"))
    return None if name == INBOX else name


def _decoded(text: str) -> str | None:
    try:
        name = decode_utf7(text.encode("ascii"))
    except ValueError:
        name = text
    if _UNFIT.search(name):
        name = text
    return None if _UNFIT.search(name) else name


def can_be_shown(name: str) -> bool:
    """True for a name that a client can say."""
    return all(name.split("/")) and not _UNFIT.search(name)


def find_folders(account: str) -> FoundFolders:
    """Return the folders in the Maildir at that path. One that is missing has INBOX alone.

    Of two directories with one name, that counts which a new folder would get. Raises OSError.
    """
    directories = {INBOX: ""}
    left_out = []
    for directory in sorted(_directories(account)):
        name = name_of(directory)
        if name is None:
            left_out.append(directory)
        elif name not in directories:
            directories[name] = directory
        elif directory_of(name) == directory:
            left_out.append(directories[name])
            directories[name] = directory
        else:
            left_out.append(directory)
    return FoundFolders(directories, tuple(left_out))


def _directories(account: str) -> list[str]:
    try:
        with os.scandir(account) as entries:
            return [entry.name for entry in entries if entry.name[0] == "." and is_folder(entry)]
    except FileNotFoundError:
        return []


def usual_uses(names: Iterable[str]) -> dict[str, str]:
    """Return the special uses (RFC 6154) of folders with usual names, each use once at most.

    For the folders of another host: `Sent Messages`, or `INBOX/Sent`, is `\\Sent`.
    """
    by_case: dict[str, str] = {}
    for name in names:
        by_case.setdefault(name.lower(), name)
    uses: dict[str, str] = {}
    for use, usual in USUAL_NAMES.items():
        wanted = [*usual, *(f"{INBOX}/{name}" for name in usual)]
        found = [by_case[name.lower()] for name in wanted if name.lower() in by_case]
        if found:
            uses[found[0]] = use
    return uses
