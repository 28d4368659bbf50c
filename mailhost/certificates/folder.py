"""The files of ordered certificates, in `certificates/` below the data folder, all with mode 600:

- NAME.pem: the key of a certificate, then the chain, own certificate first. One file, so that a
  crash leaves no key beside the chain of another.
- HOSTNAME.next-key: see `next_key`.
- account-HOST-DIGEST.json: the account at one directory, with its key.
- state.json: see `state`.

All methods block for the disk.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from mailhost.certificates.state import State, from_json, to_json
from mailhost.certificates.values import Account
from mailhost.durable.replacing import replace_file
from mailhost.interfaces.changes import Change, RemovedFile, Results
from mailhost.net.tls.certificate import PEM, BadCertificate, CertificateFiles, read_certificate

FOLDER = "certificates"
_SUFFIX = ".pem"
_STATE = "state.json"


class AccountUnreadable(OSError):
    """The file of an account is damaged."""


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    """A certificate in the folder. `name` is that of its file: the host's name, or a domain."""

    name: str
    files: CertificateFiles

    @property
    def begins(self) -> float:
        """The beginning of the validity in seconds since 1970."""
        return self.files.chain[0].not_valid_before_utc.timestamp()

    @property
    def ends(self) -> float:
        """The end of the validity in seconds since 1970."""
        return self.files.chain[0].not_valid_after_utc.timestamp()


@dataclass(frozen=True, slots=True)
class Stored:
    """The certificates in the folder, and the faults of files that cannot be used."""

    certificates: tuple[StoredCertificate, ...] = ()
    faults: tuple[str, ...] = ()


def is_ordered(data: str, path: str) -> bool:
    """True for the path of a certificate in a data folder."""
    return os.path.dirname(path) == os.path.join(data, FOLDER)


def read_certificates_of(data: str) -> Stored:
    """Return the certificates in a data folder by name. Blocks for the disk. Raises OSError."""
    return _read(os.path.join(data, FOLDER))


def _read(folder: str) -> Stored:
    found, faults = list[StoredCertificate](), list[str]()
    for name in sorted(_names(folder)):
        path = os.path.join(folder, f"{name}{_SUFFIX}")
        try:
            found.append(StoredCertificate(name, read_certificate(path, path)))
        except BadCertificate as bad:
            faults.append(f"{bad}. The certificate is not used, and is ordered again")
    return Stored(tuple(found), tuple(faults))


def read_state_of(data: str) -> State:
    """Return what is remembered in a data folder. Blocks for the disk. Raises OSError."""
    return _read_state(os.path.join(data, FOLDER))


def _read_state(folder: str) -> State:
    with suppress(FileNotFoundError), open(os.path.join(folder, _STATE), "rb") as file:
        return from_json(file.read())
    return State()


def _names(folder: str) -> list[str]:
    with suppress(FileNotFoundError):
        files = os.listdir(folder)
        return [file.removesuffix(_SUFFIX) for file in files if file.endswith(_SUFFIX)]
    return []


class CertificateFolder:
    """`data` is the data folder; `commit` makes changes durable, and blocks."""

    def __init__(self, data: str, commit: Callable[[Sequence[Change]], Results]) -> None:
        self._folder = os.path.join(data, FOLDER)
        self._commit = commit

    def read(self) -> Stored:
        """Return all certificates by name. Raises OSError."""
        return _read(self._folder)

    def read_one(self, name: str) -> StoredCertificate:
        """Return one certificate. Raises BadCertificate."""
        return StoredCertificate(name, read_certificate(self.path(name), self.path(name)))

    def path(self, name: str) -> str:
        """Return the path of a certificate."""
        return self._in_folder(f"{name}{_SUFFIX}")

    def save(self, name: str, pem: PEM) -> None:
        """Replace a certificate, durably. Raises OSError."""
        replace_file(self._commit, self.path(name), pem.key.rstrip() + b"\n" + pem.chain)

    def remove(self, name: str) -> None:
        """Remove a certificate. Raises OSError."""
        (error,) = self._commit([RemovedFile(self.path(name))])
        if error is not None:
            raise error

    def state(self) -> State:
        """Return what is remembered, an empty state for none. Raises OSError."""
        return _read_state(self._folder)

    def save_state(self, state: State) -> None:
        """Replace what is remembered. Raises OSError."""
        replace_file(self._commit, self._in_folder(_STATE), to_json(state))

    def account(self, directory: str) -> Account | None:
        """Return our account at a directory, None if there is none yet.

        Raises OSError, AccountUnreadable.
        """
        path = self._account_path(directory)
        try:
            with open(path, "rb") as file:
                fields = json.loads(file.read())
            return Account(
                directory,
                str(fields["key"]).encode("ascii"),
                str(fields["url"]),
                tuple(map(str, fields["contact"])),
                tuple(map(str, fields.get("caa", ()))),
            )
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            text = f"{path} is damaged; remove it, and the host makes another account"
            raise AccountUnreadable(text) from error

    def save_account(self, account: Account) -> None:
        """Replace our account at a directory, durably. Raises OSError."""
        fields = {
            "version": 1,
            "directory": account.directory,
            "url": account.url,
            "contact": account.contact,
            "caa": account.caa,
            "key": account.key.decode("ascii"),
        }
        octets = json.dumps(fields, indent=1).encode() + b"\n"
        replace_file(self._commit, self._account_path(account.directory), octets)

    def _account_path(self, directory: str) -> str:
        digest = hashlib.sha256(directory.encode()).hexdigest()[:12]
        return self._in_folder(f"account-{urlsplit(directory).hostname}-{digest}.json")

    def _in_folder(self, name: str) -> str:
        return os.path.join(self._folder, name)
