"""Domains, accounts and aliases as values: the content of a directory at one moment.

A view is made once for each change and then only read, so that routing a recipient takes a few
dictionary look-ups and never waits. Keys are normal forms: domains as `parse_domain` gives them,
local parts as `Address.key`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mailhost.message.address import Address

LONGEST_NAME = 64  # characters in the name of an app password


def name_fault(name: str) -> str:
    """Return how an app password may be named, an empty text where this name is good."""
    good = name == name.strip() and name.isprintable() and 0 < len(name) <= LONGEST_NAME
    return "" if good else f"write a name of 1 to {LONGEST_NAME} characters, such as phone"


@dataclass(frozen=True, slots=True)
class AppPassword:
    """A further password of an account, for one device. `hash` is as in `logins.app_passwords`.

    `created` and `last_used` are seconds since 1970, 0 for unknown and for never.
    """

    name: str
    hash: str = field(repr=False)
    created: int = field(default=0, compare=False)
    last_used: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Account:
    """An account with its mailbox. `secret` is a hash as `mailhost hash-password` prints it; with
    an empty `secret` only the `app_passwords` can be used, one for each device.

    `quota` is in octets, None for no limit. `id` is 32 hexadecimal digits, unique on this host;
    it stays when the address changes.
    """

    address: Address
    secret: str = field(default="", repr=False)
    quota: int | None = None
    id: str = ""
    app_passwords: tuple[AppPassword, ...] = ()

    @property
    def has_password(self) -> bool:
        """True for an account that somebody can log in to."""
        return bool(self.secret or self.app_passwords)


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain of this host. `catch_all` gets the mail for names that are neither an account nor an
    alias; with None such mail is refused."""

    name: str
    accounts: Mapping[str, Account] = field(default_factory=dict)
    aliases: Mapping[str, tuple[Address, ...]] = field(default_factory=dict)
    catch_all: Address | None = None


@dataclass(frozen=True, slots=True)
class DirectoryView:
    """All domains by their names. `also` has the domain aliases: from alias to the name of the
    domain."""

    domains: Mapping[str, Domain] = field(default_factory=dict)
    also: Mapping[str, str] = field(default_factory=dict)

    def domain(self, name: str) -> Domain | None:
        """Return the domain with this name, which may be a domain alias; None if there is none."""
        return self.domains.get(self.name_of(name))

    def name_of(self, name: str) -> str:
        """Return the domain that `name` is a domain alias of, or `name` itself if it is not an
        alias."""
        return self.also.get(name, name)

    def account(self, address: Address) -> Account | None:
        """Return the account with exactly this address, in which the domain may be a domain alias;
        None if there is none."""
        domain = self.domain(address.domain)
        return domain.accounts.get(address.key) if domain else None

    def accounts(self) -> Iterable[Account]:
        """Return the accounts of all domains."""
        return (account for domain in self.domains.values() for account in domain.accounts.values())


@dataclass(frozen=True, slots=True)
class KnownAccounts:
    """The accounts that recipients of one message lead to without an alias, as found in `view`.

    They may be used as long as `view` is the newest view of the directory.
    """

    view: DirectoryView
    accounts: dict[Address, Account] = field(default_factory=dict)
