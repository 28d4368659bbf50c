"""Finds where a forward-path leads: to mailboxes of this host, to addresses of other hosts, or to a
refusal.

The result depends only on a view of the directory. A name is looked up in this order: alias,
account, both again without `+detail`, postmaster and abuse (RFC 5321 §4.5.1, RFC 2142), catch-all.
If an alias leads back to its own name, the account of that name is meant, if it exists. An alias
that the message came through before, on its way to another host and back, is not expanded again;
its detail does not matter.

An address for reports of other hosts leads to a place of its own, which is not an account of the
directory.

In each domain without an account, alias or catch-all for postmaster and abuse, their mail is
delivered to the admin. Without an admin such mail is deferred, since it would have no reader.

Long aliases are expanded in parts, so that other work can be done between the parts. `Routes`
expands each alias once for a message, however many of its recipients lead to it.
"""

from __future__ import annotations

from collections.abc import Container, Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias, TypeVar

from mailhost.concurrency.pauses import Pause
from mailhost.interfaces.accounts import Account, DirectoryView, Domain
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.route_steps import NoteStep, StepRule, no_note
from mailhost.message.address import Address
from mailhost.message.domains import names_above
from mailhost.message.status import Status

NO_SUCH_USER = Status(550, "5.1.1", "No such user here")
NO_DIRECTORY = Status(451, "4.3.0", "Cannot look addresses up now; please try again later")
LOOP = Status(550, "5.4.6", "The aliases of this address lead back to itself")
CAME_BACK = Status(554, "5.4.6", "Mail loop: the message went through this alias before")
NO_POSTMASTER = Status(
    451,
    "4.3.0",
    "This address has no reader yet; please try again later",
    "`admin` is not set, or its address does not exist",
)
TOO_MANY = Status(550, "5.4.6", "The aliases of this address lead to too many others")
ROLES = frozenset({"postmaster", "abuse"})
MOST_DESTINATIONS = 10_000  # of one address, and about as many of one message
NAMES_IN_A_ROW = 250  # looked up without a pause: two milliseconds
SEPARATOR = "+"  # of a local part and its detail, RFC 5233 §1

R = TypeVar("R")
_Name: TypeAlias = tuple[str, str]  # domain and key, however the address was written
_InParts: TypeAlias = Generator[None, None, R]  # yields between two parts


@dataclass(frozen=True, slots=True)
class LocalDestination:
    """An account, and the address that led to it, which the Delivered-To field shows. `through` are
    the aliases that led to this address, in their order."""

    account: Account
    address: Address
    through: tuple[Address, ...] = ()


@dataclass(slots=True)
class Destinations:
    """The destinations of one address. `here` has the mailboxes of this host, by the addresses of
    their accounts.

    `elsewhere` has the addresses of other hosts, each with the aliases that led to it, in their
    order. `expanded` is true if an alias with several targets was expanded (RFC 3461 §5.2.7.3).
    `unknown` are targets in domains of this host that do not exist, `waiting` those that will exist
    once the admin is set. `back` are aliases that the message came through before.
    """

    here: dict[Address, LocalDestination] = field(default_factory=dict)
    elsewhere: dict[Address, tuple[Address, ...]] = field(default_factory=dict)
    unknown: list[Address] = field(default_factory=list)
    back: list[Address] = field(default_factory=list)
    waiting: list[Address] = field(default_factory=list)
    expanded: bool = False
    looped: bool = False

    @property
    def count(self) -> int:
        """The number of mailboxes and of addresses of other hosts."""
        return len(self.here) + len(self.elsewhere)


@dataclass(frozen=True, slots=True)
class Router:
    """The rules for looking up names. `admin` gets the mail for postmaster and abuse in domains
    without an account or alias for them. `reports` are the addresses for reports, each as the
    name of the domain and its key."""

    hostname: str
    admin: Address | None = None
    reports: frozenset[_Name] = frozenset()

    def route(
        self, view: DirectoryView, address: Address, passed: Container[str] = ()
    ) -> Destinations | Status:
        """Return the destinations of `address`, or the refusal.

        `passed` are the addresses, in lower case, that the message came through before.
        """
        account = self.account_without_alias(view, address)
        if account is not None:
            return Destinations({account.address: LocalDestination(account, address)})
        return whole(self.route_in_parts(view, address, passed))

    def route_in_parts(
        self,
        view: DirectoryView,
        address: Address,
        passed: Container[str] = (),
        note: NoteStep = no_note,
    ) -> _InParts[Destinations | Status]:
        """Return the result of `route`, and yield between the parts of long work. `note` gets each
        step of the way."""
        refusal = self.unknown_recipient(address)
        for meant in self._meanings(view, address):
            if meant is not address:
                note(address, StepRule.POSTMASTER, address, (meant,))
            found = yield from self._lead(view, meant, passed, note)
            if isinstance(found, Destinations):
                return found
            refusal = found
        return refusal

    def account_without_alias(self, view: DirectoryView, address: Address) -> Account | None:
        """Return the account with exactly this name if no alias has the name, which is the common
        case; else None."""
        domain = view.domain(address.domain)
        if domain is None:
            return None
        key = address.key
        account = domain.accounts.get(key)
        return None if account is None or domain.aliases.get(key) else account

    def account_of(self, view: DirectoryView, address: Address) -> Account | None:
        """Return the account whose mailbox `address` names itself, without any alias.

        For postmaster and abuse without an account, it is the account of the admin.
        """
        domain = view.domain(address.domain)
        if domain is None:
            return None
        for key in keys_of(address):
            if key in domain.accounts:
                return domain.accounts[key]
        place = self._reports_at(domain, address)
        if place is not None:
            return place
        if self.admin and address.key in ROLES and not self._is_admin(address):
            return self.account_of(view, self.admin)
        return None

    def unknown_recipient(self, address: Address) -> Status:
        """Return the refusal for an address in a domain of this host that does not exist.

        The refusal is temporary for postmaster, abuse and the admin, since then a setting is
        missing.
        """
        waits = address.key in ROLES or self._is_admin(address)
        return NO_POSTMASTER if waits else NO_SUCH_USER

    def _is_admin(self, address: Address) -> bool:
        admin = self.admin
        return admin is not None and (admin.key, admin.domain) == (address.key, address.domain)

    def reaches(self, view: DirectoryView, address: Address, account: Address) -> bool:
        """True if mail for `address` reaches the account, which may then send with this address."""
        if view.domain(address.domain) is None:
            return False
        found = self.route(view, address)
        return isinstance(found, Destinations) and account in found.here

    def alias_of(self, view: DirectoryView, address: Address) -> _Name | None:
        """Return the name of the alias, role or catch-all to which the address leads, None for an
        account or an unknown name. Addresses with the same name have the same destinations."""
        domain = view.domain(address.domain)
        if domain is None:
            return None if address.domain else ("", address.key)
        for key in keys_of(address):
            if domain.aliases.get(key):
                return (domain.name, key)
            if key in domain.accounts:
                return None
        if address.key in ROLES or self._reports_at(domain, address):
            return (domain.name, address.key)
        return (domain.name, "") if domain.catch_all else None

    def _meanings(self, view: DirectoryView, address: Address) -> Iterator[Address]:
        """Yield the addresses that `address` may mean, the best first.

        The bare `<postmaster>` of RFC 5321 §4.1.1.3 is that of our own name, or the admin, or that
        of the nearest domain above our name, or that of the only domain here.
        """
        if address.domain:
            yield address
            return
        if view.domain(self.hostname):
            yield replace(address, domain=self.hostname)
        if self.admin:
            yield self.admin
        nearest = next(filter(view.domain, names_above(self.hostname)), None)
        if nearest is not None or len(view.domains) == 1:
            yield replace(address, domain=nearest or next(iter(view.domains)))

    def _lead(
        self, view: DirectoryView, address: Address, passed: Container[str], note: NoteStep
    ) -> _InParts[Destinations | Status]:
        found = yield from self._expand(view, address, passed, note)
        if found.count > MOST_DESTINATIONS:
            return TOO_MANY
        if found.count:
            return found
        if found.back:
            return CAME_BACK
        refusal = NO_POSTMASTER if found.waiting else self.unknown_recipient(address)
        looped = found.looped and not found.unknown
        return LOOP if looped and refusal.permanent else refusal

    def _expand(
        self, view: DirectoryView, address: Address, passed: Container[str], note: NoteStep
    ) -> _InParts[Destinations]:
        """Expand aliases, each once, depth first."""
        found = Destinations()
        seen: set[_Name] = set()
        on_the_way: dict[_Name, Address] = {}
        ahead: list[Address | _Name] = [address]
        steps = 0
        while ahead and found.count <= MOST_DESTINATIONS:
            steps += 1
            if steps % NAMES_IN_A_ROW == 0:
                yield
            step = ahead.pop()
            if isinstance(step, tuple):
                del on_the_way[step]  # all its targets are done
                continue
            way = tuple(on_the_way.values())
            domain = view.domain(step.domain)
            if domain is None:
                found.elsewhere.setdefault(step, way)
                note(step, StepRule.ELSEWHERE, step, ())
                continue
            if self._ends(view, domain, step, found, way, note):
                continue
            key, targets, rule = self._targets(domain, step)
            name = (domain.name, key)
            if targets and name not in seen:
                seen.add(name)
                alias = Address(key, domain.name)
                if str(alias).lower() in passed:
                    found.back.append(alias)
                    note(step, StepRule.CAME_BACK, alias, ())
                    continue
                note(step, rule, alias, targets)
                on_the_way[name] = alias
                ahead += [name, *reversed(targets)]
                found.expanded |= len(targets) > 1
            elif not targets or name in on_the_way:
                self._arrive(view, step, found, way, bool(targets), note)
            else:
                note(step, StepRule.AGAIN, step, ())
        return found

    def _ends(
        self,
        view: DirectoryView,
        domain: Domain,
        address: Address,
        found: Destinations,
        way: tuple[Address, ...],
        note: NoteStep,
    ) -> bool:
        """Add the account that has exactly this name, or the place for reports. False if the
        address leads further, or is unknown."""
        account, rule = self.account_without_alias(view, address), StepRule.MAILBOX
        if account is None:
            account, rule = self._reports_at(domain, address), StepRule.REPORTS
        if account is None:
            return False
        found.here.setdefault(account.address, LocalDestination(account, address, way))
        note(address, rule, account.address, ())
        return True

    def _reports_at(self, domain: Domain, address: Address) -> Account | None:
        """Return the place for reports that `address` names, None for all other addresses."""
        for key in keys_of(address) if self.reports else ():
            if (domain.name, key) in self.reports:
                return Account(Address(key, domain.name))
        return None

    def _arrive(
        self,
        view: DirectoryView,
        address: Address,
        found: Destinations,
        way: tuple[Address, ...],
        looped: bool,
        note: NoteStep,
    ) -> None:
        account = self.account_of(view, address)
        if account is not None:
            found.here.setdefault(account.address, LocalDestination(account, address, way))
            note(address, StepRule.MAILBOX, account.address, ())
        elif self.unknown_recipient(address).temporary:
            found.waiting.append(address)
            note(address, StepRule.NO_READER, address, ())
        elif looped:
            found.looped = True
            note(address, StepRule.LOOP, address, ())
        else:
            found.unknown.append(address)
            note(address, StepRule.UNKNOWN, address, ())

    def _targets(
        self, domain: Domain, address: Address
    ) -> tuple[str, tuple[Address, ...], StepRule]:
        """Return the key under which the address was found, with or without its detail, and the
        targets of the alias or catch-all, with the rule that has them; no targets for a mailbox or
        an unknown name."""
        keys = keys_of(address)
        for key in keys:
            targets = domain.aliases.get(key)
            if targets:
                return key, targets, StepRule.ALIAS
            if key in domain.accounts:
                return key, (), StepRule.MAILBOX
        heir, rule = domain.catch_all, StepRule.CATCH_ALL
        if keys[0] in ROLES and self.admin:
            heir, rule = self.admin, StepRule.ADMIN
        return keys[0], (heir,) if heir else (), rule


def keys_of(address: Address) -> tuple[str, ...]:
    """Return the keys under which an address is looked up: with its detail, and without."""
    local, found, _ = address.local.partition(SEPARATOR)
    if not (found and local):
        return (address.key,)
    return (address.key, Address(local, address.domain).key)


def whole(parts: _InParts[R]) -> R:
    """Run all parts without a pause, and return the result."""
    while True:
        try:
            next(parts)
        except StopIteration as done:
            result: R = done.value
            return result


class Routes:
    """Finds the destinations of the recipients of one message, in one view of the directory. Each
    alias is expanded once; `pause` is awaited after each part of long work.

    `passed` are the addresses that the message came through before. `weight` counts the
    destinations of the aliases that were expanded so far.
    """

    __slots__ = ("_known", "_passed", "_pause", "_router", "view", "weight")

    def __init__(
        self, router: Router, view: DirectoryView, pause: Pause, passed: Container[str] = ()
    ) -> None:
        self._passed = passed
        self.view = view
        self.weight = 0
        self._router = router
        self._pause = pause
        self._known: dict[_Name, Destinations | Status] = {}

    def knows(self, address: Address) -> bool:
        """True if no alias has to be expanded for this address."""
        name = self._router.alias_of(self.view, address)
        return name is None or name in self._known

    def route(self, address: Address) -> Answer[Destinations | Status]:
        """Return the destinations of `address`, or the refusal. Addresses that lead to the same
        alias get the same object."""
        router, view = self._router, self.view
        account = router.account_without_alias(view, address)
        if account is not None:
            return Destinations({account.address: LocalDestination(account, address)})
        name = router.alias_of(view, address)
        if name is None:
            return router.route(view, address, self._passed)
        known = self._known.get(name)
        if known is not None:
            return known
        parts = router.route_in_parts(view, address, self._passed)
        try:
            next(parts)
        except StopIteration as done:
            return self._learn(name, done.value)
        return self._rest(name, parts)

    async def _rest(
        self, name: _Name, parts: _InParts[Destinations | Status]
    ) -> Destinations | Status:
        while True:
            await self._pause()
            try:
                next(parts)
            except StopIteration as done:
                return self._learn(name, done.value)

    def _learn(self, name: _Name, found: Destinations | Status) -> Destinations | Status:
        self._known[name] = found
        if isinstance(found, Destinations):
            self.weight += found.count
        return found


class Reach:
    """Decides which addresses reach one account, in one view; each alias is expanded once."""

    __slots__ = ("_account", "_known", "_router", "_view")

    def __init__(self, router: Router, view: DirectoryView, account: Address) -> None:
        self._router = router
        self._view = view
        self._account = account
        self._known: dict[_Name, bool] = {}

    def __call__(self, address: Address) -> bool:
        name = self._router.alias_of(self._view, address)
        known = self._known.get(name) if name else None
        if known is None:
            known = self._router.reaches(self._view, address, self._account)
            if name:
                self._known[name] = known
        return known
