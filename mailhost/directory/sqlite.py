"""The directory in SQLite: `DATA/directory.sqlite`, changed by commands while the host runs.

Every method blocks for the disk, for `patience` seconds at most where another process holds the
file. One object is one connection: used in one thread at a time, in any. A change is whole or not
made at all, and on disk when the method returns. The file is made only where that is asked for
(`place` says when), for its owner alone.
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
    """Another process holds the database. Worth trying again."""


class DirectoryBroken(DirectoryError):
    """The database cannot be read or written."""


class DirectoryDatabase:
    """Opens `path`. With `create` it is made where it is missing. Without `create` an empty file is
    refused too, since it was put in the place of a directory.

    Raises DirectoryBusy, DirectoryBroken, as every method does.
    """

    def __init__(self, path: str, patience: float = 2.0, create: bool = False) -> None:
        self.path = path
        self._changes = 0
        with _told(path):
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
        """Close the file. Again does nothing."""
        self._connection.close()

    # --- reading --------------------------------------------------------------------------------

    def view(self) -> DirectoryView:
        """Return all that is there at one moment."""
        with _told(self.path):
            return read_view(self._connection)

    def version(self) -> Stamp:
        """Return a stamp that differs from the last one once anybody has changed anything.

        It means something to this object alone.
        """
        with _told(self.path):
            row = self._connection.execute("PRAGMA data_version").fetchone()
            return row[0], self._changes

    def replaced(self) -> bool:
        """True where `path` is another file by now, or none: restored from a copy, moved away."""
        try:
            return _identity(self.path) != self._identity
        except OSError:
            return True

    # --- domains --------------------------------------------------------------------------------

    def add_domain(self, name: str) -> None:
        """Add a domain, in its normal form. Raises DirectoryError where the name is taken."""
        with self._change():
            self._check_free_domain(name)
            self._connection.execute("INSERT INTO domain (name) VALUES (?)", (name,))

    def remove_domain(self, name: str, force: bool = False) -> None:
        """Remove a domain, or another name for one.

        Raises DirectoryError where there is none, NeedsForce where it has accounts, aliases or
        other names; with `force` those go too.
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
        """Say who gets what no account or alias of a domain takes; None for nobody."""
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
        """Raise DirectoryError where `add_account` would: no domain, or the address is taken."""
        with _told(self.path):
            self._check_free_address(address)

    def check_account(self, address: Address) -> None:
        """Raise DirectoryError where there is no such account."""
        with _told(self.path):
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
        """Have mail for `address` go to `targets`, here or elsewhere."""
        if not targets:
            raise DirectoryError(f"{address} needs somebody to go to")
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

    # --- what a change must heed ----------------------------------------------------------------

    @contextmanager
    def _change(self) -> Iterator[None]:
        """One transaction: committed at the end, undone by an exception."""
        with _told(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._changes += 1
            self._gather()

    def _gather(self) -> None:
        """Bring the change from the -wal file into the database itself.

        A plain copy of the one file is then a whole backup, and a copy put back in its place is
        not mixed with what the -wal file still had. Where readers are in the way it comes later.
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
        """What would go with a domain, in words."""
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
def _told(path: str) -> Iterator[None]:
    """Turn what SQLite and the disk raise into words."""
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
