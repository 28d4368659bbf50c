"""The directory that is edited while the host runs: `DATA/directory.sqlite`.

Tables: `domain` (name, catch_all), `alias_domain` (name, domain), `account` (domain, key, local,
secret, quota), `alias` (domain, key, local, target, position). Keys are compared, locals are shown.
WAL keeps readers going while somebody writes. Every method blocks, so the host calls them in a
thread; a lock that lasts longer than BUSY raises sqlite3.OperationalError.
"""

from __future__ import annotations

import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mailhost.message.accounts import Account, DirectoryView, Domain
from mailhost.message.address import Address, parse_address

BUSY = 2.0  # seconds
VERSION = 1
_SCHEMA = """
CREATE TABLE domain (name TEXT PRIMARY KEY, catch_all TEXT) STRICT, WITHOUT ROWID;
CREATE TABLE alias_domain (
    name TEXT PRIMARY KEY, domain TEXT NOT NULL REFERENCES domain ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE TABLE account (
    domain TEXT NOT NULL REFERENCES domain ON DELETE CASCADE,
    key TEXT NOT NULL, local TEXT NOT NULL, secret TEXT NOT NULL, quota INTEGER,
    PRIMARY KEY (domain, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE alias (
    domain TEXT NOT NULL REFERENCES domain ON DELETE CASCADE,
    key TEXT NOT NULL, position INTEGER NOT NULL, target TEXT NOT NULL,
    PRIMARY KEY (domain, key, position)
) STRICT, WITHOUT ROWID;
"""


class DirectoryError(Exception):
    """What was asked for cannot be done; the message says why, for who asked."""


class DirectoryDatabase:
    """Opens `path` anew for each piece of work, except for `changed`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._watch: sqlite3.Connection | None = None

    # --- reading ---------------------------------------------------------------------------------

    def view(self) -> DirectoryView:
        """Return everything. Raises sqlite3.Error."""
        with self._open() as db:
            db.execute("BEGIN")
            return _view(db)

    def version(self) -> int:
        """Return a number that changes when another connection changed something."""
        if self._watch is None:
            self._watch = self._connect()
        return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Forget the connection that `version` keeps."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    # --- changing --------------------------------------------------------------------------------

    def add_domain(self, name: str) -> None:
        """Serve `name`, in normal form, from now on."""
        with self._change() as db:
            _need_no_domain(db, name)
            db.execute("INSERT INTO domain (name) VALUES (?)", (name,))

    def remove_domain(self, name: str, force: bool = False) -> None:
        """Serve it no more. With `force` its accounts and aliases go too; mail stays on disk."""
        with self._change() as db:
            if _exists(db, "SELECT 1 FROM alias_domain WHERE name = ?", name):
                db.execute("DELETE FROM alias_domain WHERE name = ?", (name,))
                return
            _need_domain(db, name)
            occupied = _exists(
                db,
                "SELECT 1 FROM account WHERE domain = ?1 UNION ALL SELECT 1 FROM alias"
                " WHERE domain = ?1",
                name,
            )
            if occupied and not force:
                raise DirectoryError(f"{name} still has accounts or aliases; remove them first")
            db.execute("DELETE FROM domain WHERE name = ?", (name,))

    def add_alias_domain(self, name: str, domain: str) -> None:
        """Let `name` be another name of `domain`."""
        with self._change() as db:
            _need_domain(db, domain)
            _need_no_domain(db, name)
            db.execute("INSERT INTO alias_domain (name, domain) VALUES (?, ?)", (name, domain))

    def remove_alias_domain(self, name: str) -> None:
        """Let `name` mean nothing any more."""
        with self._change() as db:
            if not _exists(db, "SELECT 1 FROM alias_domain WHERE name = ?", name):
                raise DirectoryError(f"{name} is no alias domain")
            db.execute("DELETE FROM alias_domain WHERE name = ?", (name,))

    def set_catch_all(self, domain: str, target: Address | None) -> None:
        """Send what nobody in `domain` takes to `target`, None to refuse it."""
        with self._change() as db:
            _need_domain(db, domain)
            text = str(target) if target else None
            db.execute("UPDATE domain SET catch_all = ? WHERE name = ?", (text, domain))

    def add_account(self, address: Address, secret: str, quota: int | None) -> None:
        """Add a mailbox. `secret` is what `hash_password` returned, `quota` in octets."""
        with self._change() as db:
            _need_domain(db, address.domain)
            if _account_exists(db, address):
                raise DirectoryError(f"{address} is there already")
            db.execute(
                "INSERT INTO account (domain, key, local, secret, quota) VALUES (?, ?, ?, ?, ?)",
                (address.domain, address.key, address.local, secret, quota),
            )

    def set_secret(self, address: Address, secret: str) -> None:
        """Change an account's password."""
        with self._change() as db:
            _need_account(db, address)
            db.execute(
                "UPDATE account SET secret = ? WHERE domain = ? AND key = ?",
                (secret, address.domain, address.key),
            )

    def set_quota(self, address: Address, quota: int | None) -> None:
        """Change an account's quota, in octets, None for no limit."""
        with self._change() as db:
            _need_account(db, address)
            db.execute(
                "UPDATE account SET quota = ? WHERE domain = ? AND key = ?",
                (quota, address.domain, address.key),
            )

    def remove_account(self, address: Address) -> None:
        """Remove an account; its mail stays on disk."""
        with self._change() as db:
            _need_account(db, address)
            db.execute(
                "DELETE FROM account WHERE domain = ? AND key = ?", (address.domain, address.key)
            )

    def add_alias(self, address: Address, targets: Sequence[Address]) -> None:
        """Let mail for `address` go to `targets`; an alias that is there gets them added."""
        with self._change() as db:
            _need_domain(db, address.domain)
            there = _targets(db, address)
            new = [target for target in targets if target not in there]
            if not new:
                raise DirectoryError(f"{address} leads there already")
            db.executemany(
                "INSERT INTO alias (domain, key, position, target) VALUES (?, ?, ?, ?)",
                [
                    (address.domain, address.key, len(there) + number, str(target))
                    for number, target in enumerate(new)
                ],
            )

    def remove_alias(self, address: Address) -> None:
        """Remove an alias with all its targets."""
        with self._change() as db:
            if not _targets(db, address):
                raise DirectoryError(f"there is no alias {address}")
            db.execute(
                "DELETE FROM alias WHERE domain = ? AND key = ?", (address.domain, address.key)
            )

    # --- the file --------------------------------------------------------------------------------

    def _connect(self) -> sqlite3.Connection:
        if not os.path.exists(self.path):
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600))
        # one connection is used by one thread at a time, not always by the same
        db = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA foreign_keys = ON")
            _migrate(db)
        except sqlite3.Error:
            db.close()
            raise
        return db

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        db = self._connect()
        try:
            yield db
        finally:
            db.close()

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it, or nothing."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")


def _migrate(db: sqlite3.Connection) -> None:
    """Bring an old or new file to VERSION. Steps for later versions follow the first."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == VERSION:
        return
    if version > VERSION:
        raise sqlite3.DatabaseError("the directory was written by a newer mailhost")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("BEGIN IMMEDIATE")
    if db.execute("PRAGMA user_version").fetchone()[0] == 0:
        for statement in _SCHEMA.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {VERSION}")
    db.execute("COMMIT")


def _view(db: sqlite3.Connection) -> DirectoryView:
    accounts: dict[str, dict[str, Account]] = defaultdict(dict)
    for domain, key, local, secret, quota in db.execute(
        "SELECT domain, key, local, secret, quota FROM account"
    ):
        accounts[domain][key] = Account(Address(local, domain), secret, quota)
    aliases: dict[str, dict[str, tuple[Address, ...]]] = defaultdict(dict)
    for domain, key, target in db.execute(
        "SELECT domain, key, target FROM alias ORDER BY domain, key, position"
    ):
        there = aliases[domain].get(key, ())
        aliases[domain][key] = (*there, parse_address(target))
    domains = {
        name: Domain(
            name,
            accounts.get(name, {}),
            aliases.get(name, {}),
            parse_address(catch_all) if catch_all else None,
        )
        for name, catch_all in db.execute("SELECT name, catch_all FROM domain ORDER BY name")
    }
    return DirectoryView(domains, dict(db.execute("SELECT name, domain FROM alias_domain")))


def _exists(db: sqlite3.Connection, query: str, *values: str) -> bool:
    return db.execute(query, values).fetchone() is not None


def _need_domain(db: sqlite3.Connection, name: str) -> None:
    if not _exists(db, "SELECT 1 FROM domain WHERE name = ?", name):
        raise DirectoryError(f"the domain {name} is not here; `mailhost domain add {name}` adds it")


def _need_no_domain(db: sqlite3.Connection, name: str) -> None:
    if _exists(
        db,
        "SELECT 1 FROM domain WHERE name = ?1 UNION ALL SELECT 1 FROM alias_domain WHERE name = ?1",
        name,
    ):
        raise DirectoryError(f"the domain {name} is there already")


def _account_exists(db: sqlite3.Connection, address: Address) -> bool:
    query = "SELECT 1 FROM account WHERE domain = ? AND key = ?"
    return _exists(db, query, address.domain, address.key)


def _need_account(db: sqlite3.Connection, address: Address) -> None:
    if not _account_exists(db, address):
        raise DirectoryError(f"there is no account {address}")


def _targets(db: sqlite3.Connection, address: Address) -> list[Address]:
    return [
        parse_address(target)
        for (target,) in db.execute(
            "SELECT target FROM alias WHERE domain = ? AND key = ? ORDER BY position",
            (address.domain, address.key),
        )
    ]
