"""Domains, accounts and aliases: reading them, and changing them."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from zope.interface import Attribute, Interface

from mailhost.interfaces.accounts import DirectoryView
from mailhost.message.address import Address


class DirectoryUnavailable(Exception):
    """The directory cannot be read now. Answer 4xx, never 'no such user'."""


class DirectoryError(Exception):
    """The directory cannot be changed or read as asked. The message says why and what to do."""


class NeedsForce(DirectoryError):
    """The change is probably a mistake. The same call with `force` makes it nevertheless."""


class IDirectory(Interface):
    """Domains, accounts, aliases."""

    view: DirectoryView = Attribute("The newest view, read without waiting.")

    def refresh() -> Awaitable[DirectoryView]:
        """Look for changes made elsewhere and return the newest view.

        Asked before anybody is refused as unknown. Raises DirectoryUnavailable.
        """


@dataclass(frozen=True, slots=True)
class Halves:
    """The two parts of the directory: the settings file's domains and the database's."""

    file: DirectoryView
    database: DirectoryView


class IDirectoryAdministration(Interface):
    """Every change of the directory, with all rules about it: for the command line, a web page.

    Domains are given in their normal form, quotas in octets (None: no limit). Domains of the
    settings file can only be read. Each method blocks for the disk, or for the hash of a password;
    a change is on the disk when its method returns. Each raises DirectoryError.
    """

    def halves() -> Halves:
        """Return all that is there."""

    def add_domain(name: str) -> None:
        """Add a domain."""

    def add_alias_domain(name: str, domain: str) -> None:
        """Make `name` another name of a domain."""

    def remove_domain(name: str, force: bool = False) -> None:
        """Remove a domain, or another name of one. Mail in its mailboxes stays.

        Raises NeedsForce where it has accounts, aliases or other names; `force` removes them too.
        """

    def set_catch_all(domain: str, address: Address | None, force: bool = False) -> None:
        """Set the address that gets what no account or alias of a domain takes; None for none.

        Raises NeedsForce where the address is in a domain of ours and does not exist.
        """

    def check_new_account(address: Address) -> None:
        """Raise what `add_account` would, before a password is asked for."""

    def add_account(address: Address, password: str, quota: int | None = None) -> None:
        """Add an account."""

    def check_account(address: Address) -> None:
        """Raise what `set_password` would, before a password is asked for."""

    def set_password(address: Address, password: str) -> None:
        """Replace the password of an account."""

    def add_app_password(address: Address, name: str) -> str:
        """Add a further password to an account, for the device of this name, and return it: it
        cannot be had again."""

    def remove_app_password(address: Address, name: str) -> None:
        """Revoke the password for a device."""

    def set_quota(address: Address, quota: int | None) -> None:
        """Replace the quota of an account."""

    def remove_account(address: Address) -> None:
        """Remove an account. Its mail stays."""

    def add_alias(address: Address, targets: Sequence[Address], force: bool = False) -> None:
        """Have mail for `address` go to `targets`, here or elsewhere.

        Raises NeedsForce where a target in a domain of ours does not exist, or leads back.
        """

    def remove_alias(address: Address) -> None:
        """Remove an alias."""
