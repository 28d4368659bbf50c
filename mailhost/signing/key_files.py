"""The keys of domains on the disk: `dkim/DOMAIN/keys.json` below the data folder, mode 600.

One file has all keys of a domain with their states, so each change is one rename: after a crash a
domain has either its former keys or its new ones. The file `dkim/first-keys` says whether the first
key of a domain signs at once. It does on a host whose data folder began with this folder; on a host
that was upgraded the DNS records come first, since mail with a signature that no record matches is
treated worse than mail without one.

All methods block for the disk.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from mailhost.dkim.keys import SigningKey, read_own_key
from mailhost.durable.replacing import replace_file
from mailhost.interfaces.changes import Change, Results
from mailhost.interfaces.signing import DomainKey, KeyState

FOLDER = "dkim"
NAME = "keys.json"
_FIRST = "first-keys"
_AT_ONCE = "sign at once\n"
_AFTER_DNS = "sign when DNS shows them\n"


class KeysUnreadable(OSError):
    """The file with the keys of a domain is damaged."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A key of a domain with its private half; `pem` is empty for a key that signs no more."""

    public: DomainKey
    pem: str = field(default="", repr=False)

    def private(self) -> SigningKey:
        """Return the private half. Raises BadPrivateKey."""
        return read_own_key(self.pem.encode())


class KeyFiles:
    """`data` is the data folder; `commit` makes changes durable, and blocks."""

    def __init__(self, data: str, commit: Callable[[Sequence[Change]], Results]) -> None:
        self._folder = os.path.join(data, FOLDER)
        self._commit = commit

    def prepare(self, new_host: bool) -> None:
        """Make the folder where it is missing. Raises OSError."""
        path = os.path.join(self._folder, _FIRST)
        if not os.path.exists(path):
            first = _AT_ONCE if new_host else _AFTER_DNS
            replace_file(self._commit, path, first.encode())

    def signs_at_once(self) -> bool:
        """True if the first key of a domain signs before DNS shows it. Raises OSError."""
        with (
            suppress(FileNotFoundError),
            open(os.path.join(self._folder, _FIRST), encoding="ascii") as file,
        ):
            return file.read() == _AT_ONCE
        return False

    def domains(self) -> list[str]:
        """Return the domains that have keys. Raises OSError."""
        with suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        return []

    def read(self, domain: str) -> tuple[KeyPair, ...] | None:
        """Return the keys of a domain, the newest first; None for a domain that never had any.

        Raises OSError, KeysUnreadable.
        """
        path = self.path(domain)
        try:
            with open(path, "rb") as file:
                octets = file.read()
        except FileNotFoundError:
            return None
        try:
            return tuple(_pair(domain, each) for each in json.loads(octets)["keys"])
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
            raise KeysUnreadable(f"{path} is damaged; restore it from a backup") from error

    def open_to_others(self, domain: str) -> str:
        """Return the path of the keys of a domain if other users may read the file, else an empty
        text. Raises OSError."""
        path = self.path(domain)
        with suppress(FileNotFoundError):
            return path if stat.S_IMODE(os.stat(path).st_mode) & 0o077 else ""
        return ""

    def save(self, domain: str, keys: Sequence[KeyPair]) -> tuple[KeyPair, ...]:
        """Replace the keys of a domain, durably; return them in their order. Raises OSError."""
        ordered = sorted(keys, key=lambda pair: pair.public.made, reverse=True)
        text = json.dumps({"version": 1, "keys": [*map(_entry, ordered)]}, indent=1)
        replace_file(self._commit, self.path(domain), f"{text}\n".encode())
        return tuple(ordered)

    def path(self, domain: str) -> str:
        """Return the path of the file with the keys of a domain."""
        return os.path.join(self._folder, domain, NAME)


def _entry(pair: KeyPair) -> dict[str, Any]:
    key = pair.public
    return {
        "selector": key.selector,
        "algorithm": key.algorithm,
        "state": key.state.value,
        "made": key.made,
        "since": key.since,
        "record": key.record,
        "private": pair.pem,
    }


def _pair(domain: str, entry: Any) -> KeyPair:
    key = DomainKey(
        domain=domain,
        selector=entry["selector"],
        algorithm=entry["algorithm"],
        record=entry["record"],
        state=KeyState(entry["state"]),
        made=int(entry["made"]),
        since=int(entry["since"]),
    )
    return KeyPair(key, str(entry["private"]))
