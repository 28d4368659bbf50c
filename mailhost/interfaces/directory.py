"""Domains, accounts and aliases: reading them, and changing them."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from zope.interface import Attribute, Interface

from mailhost.interfaces.accounts import DirectoryView
from mailhost.message.address import Address


class DirectoryUnavailable(Exception):
    """The directory cannot be read now. The reply must be 4xx, never "no such user"."""


class DirectoryError(Exception):
    """The directory cannot be changed or read as requested. The text of the exception has the
    reason and the remedy."""


class NeedsForce(DirectoryError):
    """The change is probably a mistake. The same call with `force` makes it nevertheless."""


class IDirectory(Interface):
    """The directory as services read it: domains, accounts and aliases."""

    view: DirectoryView = Attribute("The newest view, read without waiting.")

    def refresh() -> Awaitable[DirectoryView]:
        """Check for changes that other processes made, and return the newest view.

        To be called before a recipient or a user is refused as unknown. Raises
        DirectoryUnavailable.
        """


@dataclass(frozen=True, slots=True)
class Halves:
    """The two parts of the directory: the settings file's domains and the database's."""

    file: DirectoryView
    database: DirectoryView


class IDirectoryAdministration(Interface):
    """All changes of the directory, with all rules for them: for the command line, or a web page.

    Domains are given in their normal form, quotas in octets (None: no limit). Domains of the
    settings file can only be read. Each method blocks for the disk, or for the hash of a password;
    a change is on the disk when its method returns. Each raises DirectoryError.
    """

    def halves() -> Halves:
        """Return the whole directory."""

    def add_domain(name: str) -> None:
        """Add a domain."""

    def add_alias_domain(name: str, domain: str) -> None:
        """Make `name` another name of a domain."""

    def remove_domain(name: str, force: bool = False) -> None:
        """Remove a domain, or another name of one. Mail in its mailboxes stays.

        Raises NeedsForce if the domain has accounts, aliases or other names; `force` removes them
        too.
        """

    def set_catch_all(domain: str, address: Address | None, force: bool = False) -> None:
        """Set the address that gets the mail for all unknown names of a domain; None removes it.

        Raises NeedsForce if the address is in a domain of this host and does not exist.
        """

    def check_new_account(address: Address) -> None:
        """Raise the exception that `add_account` would raise. To be called before asking for a
        password."""

    def add_account(address: Address, password: str, quota: int | None = None) -> None:
        """Add an account."""

    def check_account(address: Address) -> None:
        """Raise the exception that `set_password` would raise. To be called before asking for a
        password."""

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
        """Send mail for `address` to `targets`, which are addresses of this host or of other hosts.

        Raises NeedsForce if a target in a domain of this host does not exist, or leads back to
        `address`.
        """

    def remove_alias(address: Address) -> None:
        """Remove an alias."""
