"""The rules for changes of the directory, for the command line and other ways to change it."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

from zope.interface import implementer

from mailhost.directory.alias_faults import Name, circles, stars, unknown_targets
from mailhost.directory.sqlite import DirectoryDatabase
from mailhost.directory.union import unite
from mailhost.interfaces.accounts import DirectoryView, name_fault
from mailhost.interfaces.directory import (
    DirectoryError,
    Halves,
    IDirectoryAdministration,
    NeedsForce,
)
from mailhost.logins.app_passwords import hash_app_password, new_app_password
from mailhost.logins.stored_secret import hash_password
from mailhost.message.address import Address


@implementer(IDirectoryAdministration)
class Administration:
    """`file` is the view of the settings file at `file_path`. `open_database` opens the database
    for one change, `changed` is called after each. `reports` are the addresses that take reports of
    DMARC."""

    def __init__(
        self,
        file: DirectoryView,
        file_path: str,
        open_database: Callable[[], AbstractContextManager[DirectoryDatabase]],
        changed: Callable[[], None],
        reports: Container[Name] = (),
    ) -> None:
        self._file = file
        self._file_path = file_path
        self._open_database = open_database
        self._changed = changed
        self._reports = reports

    def halves(self) -> Halves:
        with self._open_database() as database:
            return Halves(self._file, database.view())

    # --- domains --------------------------------------------------------------------------------

    def add_domain(self, name: str) -> None:
        with self._changing(name) as database:
            database.add_domain(name)

    def add_alias_domain(self, name: str, domain: str) -> None:
        with self._changing(name, domain) as database:
            database.add_alias_domain(name, domain)

    def remove_domain(self, name: str, force: bool = False) -> None:
        with self._changing(name) as database:
            database.remove_domain(name, force)

    def set_catch_all(self, domain: str, address: Address | None, force: bool = False) -> None:
        with self._changing(domain) as database:
            if address is not None and not force:
                view = unite(self._file, database.view()).view
                for text in unknown_targets(view, [address], catch_all=False):
                    raise NeedsForce(text)
            database.set_catch_all(domain, address)

    # --- accounts -------------------------------------------------------------------------------

    def check_new_account(self, address: Address) -> None:
        self._refuse_domain_of_file(address.domain)
        with self._open_database() as database:
            database.check_new_account(address)

    def add_account(self, address: Address, password: str, quota: int | None = None) -> None:
        with self._changing(address.domain) as database:
            database.add_account(address, _hash(password), quota)

    def check_account(self, address: Address) -> None:
        self._refuse_domain_of_file(address.domain)
        with self._open_database() as database:
            database.check_account(address)

    def set_password(self, address: Address, password: str) -> None:
        with self._changing(address.domain) as database:
            database.set_secret(address, _hash(password))

    def add_app_password(self, address: Address, name: str) -> str:
        fault = name_fault(name)
        if fault:
            raise DirectoryError(f"{name!r} cannot be the name of a password; {fault}")
        password = new_app_password()
        with self._changing(address.domain) as database:
            hashed = hash_app_password(password)
            database.add_app_password(address, name, hashed, int(time.time()))
        return password

    def remove_app_password(self, address: Address, name: str) -> None:
        with self._changing(address.domain) as database:
            database.remove_app_password(address, name)

    def set_quota(self, address: Address, quota: int | None) -> None:
        with self._changing(address.domain) as database:
            database.set_quota(address, quota)

    def remove_account(self, address: Address) -> None:
        with self._changing(address.domain) as database:
            database.remove_account(address)

    # --- aliases --------------------------------------------------------------------------------

    def add_alias(self, address: Address, targets: Sequence[Address], force: bool = False) -> None:
        with self._changing(address.domain) as database:
            if not force:
                view = unite(self._file, database.view()).view
                _check_alias(view, address, tuple(targets), self._reports)
            database.add_alias(address, targets)

    def remove_alias(self, address: Address) -> None:
        with self._changing(address.domain) as database:
            database.remove_alias(address)

    @contextmanager
    def _changing(self, *domains: str) -> Iterator[DirectoryDatabase]:
        """Open the database for a change of these domains."""
        for name in domains:
            self._refuse_domain_of_file(name)
        with self._open_database() as database:
            yield database
        self._changed()

    def _refuse_domain_of_file(self, name: str) -> None:
        if name in self._file.domains or name in self._file.also:
            raise DirectoryError(
                f"{name} lives in {self._file_path}; change it there, then reload the host"
            )


def _hash(password: str) -> str:
    try:
        return hash_password(password)
    except ValueError as error:
        raise DirectoryError(f"this password cannot be used: {error}") from error


def _check_alias(
    view: DirectoryView, address: Address, targets: tuple[Address, ...], reports: Container[Name]
) -> None:
    """Raise NeedsForce if a target does not exist, or leads back to the alias."""
    domain = view.domains.get(address.domain)
    if domain is None:
        return  # the database will refuse it, with the reason
    aliases = {**domain.aliases, address.key: targets}
    view = replace(view, domains={**view.domains, domain.name: replace(domain, aliases=aliases)})
    faults = [*unknown_targets(view, targets, reports=reports)]
    faults += [*circles(view, [address]), *stars(address, targets)]
    if faults:
        raise NeedsForce("; ".join(faults))
