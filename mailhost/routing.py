"""Where a forward-path leads: mailboxes here, addresses elsewhere, or nowhere.

A pure function of a directory's view. Names are tried in this order: alias, account, both again
without `+detail`, postmaster and abuse (RFC 5321 §4.5.1, RFC 2142), catch-all. An alias that leads
back to its own name means the account of that name, where there is one. An alias that the message
went through before, on its way to another host and back, leads nowhere.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from mailhost.message.accounts import Account, DirectoryView, Domain
from mailhost.message.address import Address
from mailhost.message.status import Status

NO_SUCH_USER = Status(550, "5.1.1", "No such user here")
NO_DIRECTORY = Status(451, "4.3.0", "Cannot look addresses up now; please try again later")
LOOP = Status(550, "5.4.6", "The aliases of this address lead back to itself")
CAME_BACK = Status(554, "5.4.6", "Mail loop: the message went through this alias before")
TOO_MANY = Status(550, "5.4.6", "The aliases of this address lead to too many others")
ROLES = frozenset({"postmaster", "abuse"})
MOST = 10_000  # destinations of one address

_Name: TypeAlias = tuple[str, str]  # domain and key, however the address was written


@dataclass(slots=True)
class Destinations:
    """Where one address leads. `here` has the address to deliver to for each account.

    `elsewhere` has the aliases on the way to each, the first one first. `expanded` says that an
    alias with several targets was on the way (RFC 3461 §5.2.7.3); `unknown` are targets in our
    domains that nobody has, `back` aliases that the message went through before.
    """

    here: dict[Address, Address] = field(default_factory=dict)
    elsewhere: dict[Address, tuple[Address, ...]] = field(default_factory=dict)
    unknown: list[Address] = field(default_factory=list)
    back: list[Address] = field(default_factory=list)
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

    def route(
        self, view: DirectoryView, address: Address, passed: Container[str] = ()
    ) -> Destinations | Status:
        """Return where `address` leads, or the refusal.

        `passed` are addresses, in lower case, that the message went through before.
        """
        account = self._plainly(view, address)
        if account is not None:
            return Destinations({account: address})
        refusal = NO_SUCH_USER
        for meant in self._meanings(view, address):
            found = self._lead(view, meant, passed)
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

        postmaster and abuse have a mailbox in every domain, made when mail comes.
        """
        domain = view.domain(address.domain)
        if domain is None:
            return None
        for key in self._keys(address):
            if key in domain.accounts:
                return domain.accounts[key]
        role = address.key in ROLES
        return Account(Address(address.key, domain.name)) if role else None

    def reaches(self, view: DirectoryView, address: Address, account: Address) -> bool:
        """True where mail for `address` reaches the account: the right to receive is the right to
        send."""
        if view.domain(address.domain) is None:
            return False
        found = self.route(view, address)
        return isinstance(found, Destinations) and account in found.here

    def _meanings(self, view: DirectoryView, address: Address) -> Iterator[Address]:
        """What an address may mean, the best first: the bare `<postmaster>` of RFC 5321 §4.1.1.3
        is that of our own name, or the admin, or that of any domain here."""
        if address.domain:
            yield address
        elif view.domain(self.hostname):
            yield replace(address, domain=self.hostname)
        else:
            if self.admin:
                yield self.admin
            if view.domains:
                yield replace(address, domain=next(iter(view.domains)))

    def _lead(
        self, view: DirectoryView, address: Address, passed: Container[str]
    ) -> Destinations | Status:
        found = self._expand(view, address, passed)
        if found.count > MOST:
            return TOO_MANY
        if found.count:
            return found
        if found.back:
            return CAME_BACK
        if address.key in ROLES:  # whoever should get it, a role is never unknown
            role = self.account_of(view, address)
            return Destinations({role.address: address}) if role else NO_SUCH_USER
        return LOOP if found.looped and not found.unknown else NO_SUCH_USER

    def _expand(
        self, view: DirectoryView, address: Address, passed: Container[str]
    ) -> Destinations:
        """Follow aliases, each once, the deepest first."""
        found = Destinations()
        seen: set[_Name] = set()
        on_the_way: dict[_Name, Address] = {}
        ahead: list[Address | _Name] = [address]
        while ahead and found.count <= MOST:
            step = ahead.pop()
            if isinstance(step, tuple):
                del on_the_way[step]  # all its targets are done
                continue
            domain = view.domain(step.domain)
            if domain is None:
                found.elsewhere.setdefault(step, tuple(on_the_way.values()))
                continue
            name = (domain.name, step.key)
            targets = self._targets(domain, step)
            if targets and name not in seen:
                seen.add(name)
                if str(step).lower() in passed:
                    found.back.append(step)
                    continue
                on_the_way[name] = step
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
