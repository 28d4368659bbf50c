"""Reads the whole database as a view, with a few queries in one transaction."""

from __future__ import annotations

import sqlite3
from collections import defaultdict

from mailhost.interfaces.accounts import Account, AppPassword, DirectoryView, Domain
from mailhost.message.address import Address


def read_view(connection: sqlite3.Connection) -> DirectoryView:
    """Return the content of the database at one moment. Raises sqlite3.Error."""
    connection.execute("BEGIN")
    try:
        accounts, aliases = _accounts(connection), _aliases(connection)
        rows = connection.execute("SELECT name, catch_all_local, catch_all_domain FROM domain")
        domains = {
            name: Domain(
                name,
                accounts.get(name, {}),
                aliases.get(name, {}),
                None if local is None else Address(local, domain),
            )
            for name, local, domain in rows
        }
        also = dict(connection.execute("SELECT name, domain FROM alias_domain").fetchall())
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return DirectoryView(domains, also)


def _accounts(connection: sqlite3.Connection) -> dict[str, dict[str, Account]]:
    found: defaultdict[str, dict[str, Account]] = defaultdict(dict)
    further = _app_passwords(connection)
    rows = connection.execute("SELECT domain, key, local, secret, quota, id FROM account")
    for domain, key, local, secret, quota, identity in rows:
        app_passwords = tuple(further.get((domain, key), ()))
        found[domain][key] = Account(Address(local, domain), secret, quota, identity, app_passwords)
    return found


def _app_passwords(connection: sqlite3.Connection) -> dict[tuple[str, str], list[AppPassword]]:
    found: defaultdict[tuple[str, str], list[AppPassword]] = defaultdict(list)
    rows = connection.execute(
        "SELECT domain, key, name, hash, created, last_used FROM app_password ORDER BY name"
    )
    for domain, key, name, hashed, created, last_used in rows:
        found[domain, key].append(AppPassword(name, hashed, created, last_used))
    return found


def _aliases(connection: sqlite3.Connection) -> dict[str, dict[str, tuple[Address, ...]]]:
    targets: defaultdict[tuple[str, str], list[Address]] = defaultdict(list)
    rows = connection.execute(
        "SELECT domain, key, target_local, target_domain FROM alias_target "
        "ORDER BY domain, key, position"
    )
    for domain, key, local, target_domain in rows:
        targets[domain, key].append(Address(local, target_domain))
    found: defaultdict[str, dict[str, tuple[Address, ...]]] = defaultdict(dict)
    for (domain, key), addresses in targets.items():
        found[domain][key] = tuple(addresses)
    return found
