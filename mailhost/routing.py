"""Where a forward-path leads: mailboxes here, addresses elsewhere, or nowhere.

A pure function of a directory's view. Names are tried in this order: alias, account, both again
without `+detail`, postmaster and abuse (RFC 5321 §4.5.1, RFC 2142), catch-all. An alias that leads
back to its own name means the account of that name, where there is one.

postmaster and abuse are the admin's in each domain that has no account, alias or catch-all for
them. While there is no admin their mail is refused for now: it would lie where it has no reader.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from mailhost.message.accounts import Account, DirectoryView, Domain
from mailhost.message.address import Address
from mailhost.message.status import Status

NO_SUCH_USER = Status(550, "5.1.1", "No such user here")
NO_DIRECTORY = Status(451, "4.3.0", "Cannot look addresses up now; please try again later")
LOOP = Status(550, "5.4.6", "The aliases of this address lead back to itself")
NO_POSTMASTER = Status(
    451,
    "4.3.0",
    "This address has no reader yet; please try again later",
    "`admin` is not set, or nobody has its address",
)
TOO_MANY = Status(550, "5.4.6", "The aliases of this address lead to too many others")
ROLES = frozenset({"postmaster", "abuse"})
MOST = 10_000  # destinations of one address

_Name: TypeAlias = tuple[str, str]  # domain and key, however the address was written


@dataclass(slots=True)
class Destinations:
    """Where one address leads. `here` has the address to deliver to for each account.

    `expanded` says that an alias with several targets was on the way (RFC 3461 §5.2.7.3);
    `unknown` are targets in our domains that nobody has, `waiting` those that nobody has until the
    admin is set.
    """

    here: dict[Address, Address] = field(default_factory=dict)
    elsewhere: dict[Address, None] = field(default_factory=dict)
    unknown: list[Address] = field(default_factory=list)
    waiting: list[Address] = field(default_factory=list)
    expanded: bool = False
    looped: bool = False

    @property
    def count(self) -> int:
        """How many mailboxes and foreign addresses."""
        return len(self.here) + len(self.elsewhere)


@dataclass(frozen=True, slots=True)
class Router:
    """The house's rules for names. `admin` gets what nobody has for postmaster and abuse."""

    hostname: str
    admin: Address | None = None
    separator: str = "+"

    def route(self, view: DirectoryView, address: Address) -> Destinations | Status:
        """Return where `address` leads, or the refusal."""
        account = self._plainly(view, address)
        if account is not None:
            return Destinations({account: address})
        refusal = self.nobody(address)
        for meant in self._meanings(view, address):
            found = self._lead(view, meant)
            if isinstance(found, Destinations):
                return found
            refusal = found
        return refusal

    def _plainly(self, view: DirectoryView, address: Address) -> Address | None:
        """The account of this very name, where no alias has it: what most mail is for."""
        domain = view.domain(address.domain)
        if domain is None:
            return None
        key = address.key
        account = domain.accounts.get(key)
        return None if account is None or domain.aliases.get(key) else account.address

    def account_of(self, view: DirectoryView, address: Address) -> Account | None:
        """Return the account whose mailbox `address` names itself, without any alias.

        That of postmaster and abuse is the admin's, where they have none of their own.
        """
        domain = view.domain(address.domain)
        if domain is None:
            return None
        for key in self._keys(address):
            if key in domain.accounts:
                return domain.accounts[key]
        if self.admin and address.key in ROLES and not self._is_admin(address):
            return self.account_of(view, self.admin)
        return None

    def nobody(self, address: Address) -> Status:
        """Return the refusal of an address of ours that nobody has.

        It is temporary where a setting is missing: for postmaster and abuse, and for the admin.
        """
        waits = address.key in ROLES or self._is_admin(address)
        return NO_POSTMASTER if waits else NO_SUCH_USER

    def _is_admin(self, address: Address) -> bool:
        admin = self.admin
        return admin is not None and (admin.key, admin.domain) == (address.key, address.domain)

    def reaches(self, view: DirectoryView, address: Address, account: Address) -> bool:
        """True where mail for `address` reaches the account: the right to receive is the right to
        send."""
        if view.domain(address.domain) is None:
            return False
        found = self.route(view, address)
        return isinstance(found, Destinations) and account in found.here

    def _meanings(self, view: DirectoryView, address: Address) -> Iterator[Address]:
        """What an address may mean, the best first: the bare `<postmaster>` of RFC 5321 §4.1.1.3
        is that of our own name, or the admin, or that of the nearest domain above our name, or
        that of the only domain here. Of several others none is the host's own."""
        if address.domain:
            yield address
            return
        if view.domain(self.hostname):
            yield replace(address, domain=self.hostname)
        if self.admin:
            yield self.admin
        labels = self.hostname.split(".")
        above = (".".join(labels[number:]) for number in range(1, len(labels)))
        nearest = next(filter(view.domain, above), None)
        if nearest is not None or len(view.domains) == 1:
            yield replace(address, domain=nearest or next(iter(view.domains)))

    def _lead(self, view: DirectoryView, address: Address) -> Destinations | Status:
        found = self._expand(view, address)
        if found.count > MOST:
            return TOO_MANY
        if found.count:
            return found
        refusal = NO_POSTMASTER if found.waiting else self.nobody(address)
        looped = found.looped and not found.unknown
        return LOOP if looped and refusal.permanent else refusal

    def _expand(self, view: DirectoryView, address: Address) -> Destinations:
        """Follow aliases, each once, the deepest first."""
        found = Destinations()
        seen: set[_Name] = set()
        on_the_way: set[_Name] = set()
        ahead: list[Address | _Name] = [address]
        while ahead and found.count <= MOST:
            step = ahead.pop()
            if isinstance(step, tuple):
                on_the_way.remove(step)  # all its targets are done
                continue
            domain = view.domain(step.domain)
            if domain is None:
                found.elsewhere[step] = None
                continue
            name = (domain.name, step.key)
            targets = self._targets(domain, step)
            if targets and name not in seen:
                seen.add(name)
                on_the_way.add(name)
                ahead += [name, *reversed(targets)]
                found.expanded |= len(targets) > 1
            elif not targets or name in on_the_way:
                self._arrive(view, step, found, looped=bool(targets))
        return found

    def _arrive(
        self, view: DirectoryView, address: Address, found: Destinations, looped: bool
    ) -> None:
        account = self.account_of(view, address)
        if account is not None:
            found.here.setdefault(account.address, address)
        elif self.nobody(address).temporary:
            found.waiting.append(address)
        elif looped:
            found.looped = True
        else:
            found.unknown.append(address)

    def _targets(self, domain: Domain, address: Address) -> tuple[Address, ...]:
        """The addresses that stand for this one, none for a mailbox or an unknown name."""
        for key in self._keys(address):
            if domain.aliases.get(key):
                return domain.aliases[key]
            if key in domain.accounts:
                return ()
        heir = domain.catch_all
        if address.key in ROLES:
            heir = self.admin or heir
        return (heir,) if heir else ()

    def _keys(self, address: Address) -> tuple[str, ...]:
        """The names under which an address is looked up: as it is, and without its detail."""
        local, found, _ = address.local.partition(self.separator)
        if not (found and local):
            return (address.key,)
        return (address.key, Address(local, address.domain).key)
