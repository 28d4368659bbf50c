"""The directory in SQLite: `DATA/directory.sqlite`, changed by commands while the host runs.

Every method blocks for the disk, and waits for `patience` seconds at most if another process locks
the file. One object is one connection, which may be used in any thread, in one at a time. Each
change is one transaction, and is synced when the method returns. The file is made only with
`create` (see `place`), and only its owner can read it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from urllib.parse import quote

from mailhost.directory.account_id import new_account_id
from mailhost.directory.place import database_path, why_missing
from mailhost.directory.reading import read_view
from mailhost.directory.schema import TooNew, is_empty, migrate
from mailhost.interfaces.accounts import DirectoryView
from mailhost.interfaces.directory import DirectoryError, NeedsForce
from mailhost.message.address import Address, unicode_domain

Stamp = tuple[int, int]
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_REMEDY = "restore it from a copy, or run `mailhost init` as the first time, with --new-directory"


class DirectoryBusy(DirectoryError):
    """Another process locks the database. A later attempt may succeed."""


class DirectoryBroken(DirectoryError):
    """The database cannot be read or written."""


class DirectoryDatabase:
    """A connection to the database at `path`. With `create` the file is made if it is missing.
    Without `create` an empty file is refused too, since it has replaced a directory by mistake.

    Raises DirectoryBusy, DirectoryBroken, as every method does.
    """

    def __init__(self, path: str, patience: float = 2.0, create: bool = False) -> None:
        self.path = path
        self._changes = 0
        with _explained(path):
            if create:
                flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
                os.close(os.open(path, flags, 0o600))
            self._identity = _identity(path)
            self._connection = sqlite3.connect(
                f"file:{quote(os.path.abspath(path))}?mode=rw",  # SQLite itself makes no file
                uri=True,
                timeout=patience,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                if not create and is_empty(self._connection):
                    raise DirectoryBroken(f"{path} is empty; {_REMEDY}")
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        migrate(self._connection)

    def close(self) -> None:
        """Close the file. Further calls do nothing."""
        self._connection.close()

    # --- reading --------------------------------------------------------------------------------

    def view(self) -> DirectoryView:
        """Return the whole directory at one moment."""
        with _explained(self.path):
            return read_view(self._connection)

    def version(self) -> Stamp:
        """Return a stamp, which changes when any process changes the database.

        Only stamps of the same object can be compared.
        """
        with _explained(self.path):
            row = self._connection.execute("PRAGMA data_version").fetchone()
            return row[0], self._changes

    def damage(self) -> str:
        """Return the first fault of the file's structure, empty for none. Reads the whole file."""
        with _explained(self.path):
            found = str(self._connection.execute("PRAGMA quick_check(1)").fetchone()[0])
            return "" if found == "ok" else found

    def replaced(self) -> bool:
        """True if `path` is another file now, or none: it was restored from a backup, or moved."""
        try:
            return _identity(self.path) != self._identity
        except OSError:
            return True

    # --- domains --------------------------------------------------------------------------------

    def add_domain(self, name: str) -> None:
        """Add a domain, in its normal form. Raises DirectoryError if the name exists."""
        with self._change():
            self._check_free_domain(name)
            self._connection.execute("INSERT INTO domain (name) VALUES (?)", (name,))

    def remove_domain(self, name: str, force: bool = False) -> None:
        """Remove a domain, or another name for one.

        Raises DirectoryError if it does not exist, NeedsForce if it has accounts, aliases or other
        names; with `force` those are removed too.
        """
        with self._change():
            if self._one("SELECT 1 FROM alias_domain WHERE name = ?", name):
                self._connection.execute("DELETE FROM alias_domain WHERE name = ?", (name,))
                return
            self._check_domain(name)
            left = self._left_in(name)
            if left and not force:
                raise NeedsForce(f"{_shown(name)} still has {left}; remove them first")
            self._connection.execute("DELETE FROM domain WHERE name = ?", (name,))

    def add_alias_domain(self, name: str, domain: str) -> None:
        """Make `name` another name for `domain`."""
        with self._change():
            self._check_free_domain(name)
            self._check_domain(domain)
            self._connection.execute(
                "INSERT INTO alias_domain (name, domain) VALUES (?, ?)", (name, domain)
            )

    def set_catch_all(self, domain: str, address: Address | None) -> None:
        """Set the address that gets the mail for all unknown names of a domain; None removes it."""
        local, home = (address.local, address.domain) if address else (None, None)
        with self._change():
            self._check_domain(domain)
            self._connection.execute(
                "UPDATE domain SET catch_all_local = ?, catch_all_domain = ? WHERE name = ?",
                (local, home, domain),
            )

    # --- accounts -------------------------------------------------------------------------------

    def add_account(self, address: Address, secret: str, quota: int | None = None) -> None:
        """Add an account, with a new id. `secret` is a hash, empty for no login; `quota` is in
        octets."""
        with self._change():
            self._check_free_address(address)
            self._connection.execute(
                "INSERT INTO account (domain, key, local, secret, quota, id) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (address.domain, address.key, address.local, secret, quota, new_account_id()),
            )

    def check_new_account(self, address: Address) -> None:
        """Raise DirectoryError if `add_account` would: the domain does not exist, or the address
        does."""
        with _explained(self.path):
            self._check_free_address(address)

    def check_account(self, address: Address) -> None:
        """Raise DirectoryError if the account does not exist."""
        with _explained(self.path):
            self._check_domain(address.domain)
            query = "SELECT 1 FROM account WHERE domain = ? AND key = ?"
            if not self._one(query, address.domain, address.key):
                raise DirectoryError(f"there is no account {address}")

    def set_secret(self, address: Address, secret: str) -> None:
        """Replace the hash of an account's password; empty for no login."""
        self._change_account("UPDATE account SET secret = ?", address, secret)

    def set_quota(self, address: Address, quota: int | None) -> None:
        """Replace an account's quota, in octets; None for no limit."""
        self._change_account("UPDATE account SET quota = ?", address, quota)

    def add_app_password(self, address: Address, name: str, hashed: str, created: int) -> None:
        """Add an app password to an account; `created` is in seconds since 1970. Raises
        DirectoryError where it has one of that name."""
        with self._change():
            self.check_account(address)
            where = (address.domain, address.key, name)
            query = "SELECT 1 FROM app_password WHERE domain = ? AND key = ? AND name = ?"
            if self._one(query, *where):
                raise DirectoryError(
                    f"{address} has a password for {name!r} already; revoke it first"
                )
            self._connection.execute(
                "INSERT INTO app_password (domain, key, name, hash, created) "
                "VALUES (?, ?, ?, ?, ?)",
                (*where, hashed, created),
            )

    def remove_app_password(self, address: Address, name: str) -> None:
        """Remove an app password. Raises DirectoryError where there is none of that name."""
        with self._change():
            self.check_account(address)
            found = self._connection.execute(
                "DELETE FROM app_password WHERE domain = ? AND key = ? AND name = ?",
                (address.domain, address.key, name),
            )
            if not found.rowcount:
                raise DirectoryError(f"{address} has no password for {name!r}")

    def note_uses(self, uses: Mapping[tuple[Address, str], int]) -> None:
        """Note when app passwords were used, by account and name, in seconds since 1970. Those
        that were revoked since are left out."""
        with self._change():
            self._connection.executemany(
                "UPDATE app_password SET last_used = max(last_used, ?) "
                "WHERE domain = ? AND key = ? AND name = ?",
                [
                    (when, address.domain, address.key, name)
                    for (address, name), when in uses.items()
                ],
            )

    def remove_account(self, address: Address) -> None:
        """Remove an account. Its mail is not touched."""
        self._change_account("DELETE FROM account", address)

    def _change_account(self, statement: str, address: Address, *values: str | int | None) -> None:
        with self._change():
            self._check_domain(address.domain)
            found = self._connection.execute(
                f"{statement} WHERE domain = ? AND key = ?", (*values, address.domain, address.key)
            )
            if not found.rowcount:
                raise DirectoryError(f"there is no account {address}")

    # --- aliases --------------------------------------------------------------------------------

    def add_alias(self, address: Address, targets: Sequence[Address]) -> None:
        """Add an alias: mail for `address` is sent to `targets`, of this host or of others."""
        if not targets:
            raise DirectoryError(f"{address} needs a target")
        where = (address.domain, address.key)
        with self._change():
            self._check_free_address(address)
            self._connection.execute(
                "INSERT INTO alias (domain, key, local) VALUES (?, ?, ?)", (*where, address.local)
            )
            self._connection.executemany(
                "INSERT INTO alias_target VALUES (?, ?, ?, ?, ?)",
                [
                    (*where, position, target.local, target.domain)
                    for position, target in enumerate(dict.fromkeys(targets))
                ],
            )

    def remove_alias(self, address: Address) -> None:
        """Remove an alias."""
        with self._change():
            self._check_domain(address.domain)
            found = self._connection.execute(
                "DELETE FROM alias WHERE domain = ? AND key = ?", (address.domain, address.key)
            )
            if not found.rowcount:
                raise DirectoryError(f"there is no alias {address}")

    # --- transactions and their checks ----------------------------------------------------------

    @contextmanager
    def _change(self) -> Iterator[None]:
        """Make one transaction, which is committed at the end, and rolled back after an
        exception."""
        with _explained(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._changes += 1
            self._checkpoint()

    def _checkpoint(self) -> None:
        """Move the change from the -wal file into the database file.

        A plain copy of this one file is then a complete backup, and a restored file is not mixed
        with the content of the -wal file. If other processes are reading, the change is moved
        later.
        """
        with suppress(sqlite3.OperationalError):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def _one(self, query: str, *values: str) -> tuple[str | int, ...] | None:
        row: tuple[str | int, ...] | None = self._connection.execute(query, values).fetchone()
        return row

    def _check_domain(self, name: str) -> None:
        if self._one("SELECT 1 FROM domain WHERE name = ?", name):
            return
        other = self._one("SELECT domain FROM alias_domain WHERE name = ?", name)
        if other:
            real = _shown(str(other[0]))
            raise DirectoryError(f"{_shown(name)} is another name for {real}; use {real} here")
        raise DirectoryError(
            f"there is no domain {_shown(name)} here; `mailhost domain list` shows those that are"
        )

    def _check_free_domain(self, name: str) -> None:
        if self._one("SELECT 1 FROM domain WHERE name = ?", name):
            raise DirectoryError(f"{_shown(name)} is there already")
        other = self._one("SELECT domain FROM alias_domain WHERE name = ?", name)
        if other:
            real = _shown(str(other[0]))
            raise DirectoryError(f"{_shown(name)} is there already, as another name for {real}")

    def _check_free_address(self, address: Address) -> None:
        self._check_domain(address.domain)
        for table, kind in (("account", "an account"), ("alias", "an alias")):
            query = f"SELECT 1 FROM {table} WHERE domain = ? AND key = ?"
            if self._one(query, address.domain, address.key):
                raise DirectoryError(f"{address} is there already, as {kind}")

    def _left_in(self, domain: str) -> str:
        """Return a text that counts the accounts, aliases and other names of a domain."""
        counts = {
            "account": "SELECT count(*) FROM account WHERE domain = ?",
            "alias": "SELECT count(*) FROM alias WHERE domain = ?",
            "other name": "SELECT count(*) FROM alias_domain WHERE domain = ?",
        }
        found = {kind: (self._one(query, domain) or (0,))[0] for kind, query in counts.items()}
        return ", ".join(_many(int(count), kind) for kind, count in found.items() if count)


def note_uses(data: str, uses: Mapping[tuple[Address, str], int]) -> None:
    """Note when app passwords were used, in the directory of a data folder. Raises as
    DirectoryDatabase does."""
    with closing(DirectoryDatabase(database_path(data))) as database:
        database.note_uses(uses)


def _identity(path: str) -> tuple[int, int]:
    there = os.stat(path)
    return there.st_dev, there.st_ino


def _many(count: int, kind: str) -> str:
    return f"{count} {kind}" if count == 1 else f"{count} {kind}{'es' if kind[-1] == 's' else 's'}"


def _shown(domain: str) -> str:
    return unicode_domain(domain)


@contextmanager
def _explained(path: str) -> Iterator[None]:
    """Turn exceptions of SQLite and of the disk into DirectoryError with a text for the
    operator."""
    try:
        yield
    except TooNew as error:
        raise DirectoryBroken(f"{path} was made by a newer mailhost: {error}") from error
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY:
            text = f"{path} is held by another process; try again, or end that process"
            raise DirectoryBusy(text) from error
        raise DirectoryBroken(f"{path} cannot be used: {error}") from error
    except FileNotFoundError as error:
        raise DirectoryBroken(why_missing(os.path.dirname(path))) from error
    except PermissionError as error:
        text = f"{path} cannot be used: {error.strerror}; ask as root or as the host's user"
        raise DirectoryBroken(text) from error
    except OSError as error:
        raise DirectoryBroken(f"{path} cannot be used: {error.strerror}") from error
