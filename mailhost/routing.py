"""Where a forward-path leads: mailboxes here, addresses elsewhere, or nowhere.

A pure function of a directory's view. Names are tried in this order: alias, account, the same
without `+detail`, postmaster and abuse (RFC 5321 §4.5.1, RFC 2142), catch-all.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from mailhost.message.accounts import Account, DirectoryView, Domain
from mailhost.message.address import Address
from mailhost.message.status import Status

NO_SUCH_USER = Status(550, "5.1.1", "No such user here")
LOOP = Status(550, "5.4.6", "The aliases of this address lead back to itself")
TOO_MANY = Status(550, "5.4.6", "The aliases of this address lead to too many others")
ROLES = frozenset({"postmaster", "abuse"})
MOST = 10_000  # destinations of one address


@dataclass(slots=True)
class Destinations:
    """Where one address leads. `here` has the address to deliver to for each account.

    `expanded` says that an alias with several targets was on the way (RFC 3461 §5.2.7.3);
    `unknown` are targets in our domains that nobody has.
    """

    here: dict[Address, Address] = field(default_factory=dict)
    elsewhere: dict[Address, None] = field(default_factory=dict)
    unknown: list[Address] = field(default_factory=list)
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
        found = Destinations()
        self._expand(view, self._complete(view, address), found, set())
        if found.count > MOST:
            return TOO_MANY
        if found.count:
            return found
        return LOOP if found.looped and not found.unknown else NO_SUCH_USER

    def account_of(self, view: DirectoryView, address: Address) -> Account | None:
        """Return the account whose mailbox `address` names itself, without any alias."""
        domain = view.domain(address.domain)
        if domain is None:
            return None
        account = domain.accounts.get(address.key)
        if account is None and self.separator in address.local:
            account = domain.accounts.get(self._without_detail(address).key)
        if account is None and address.key in ROLES and not self._heir(view, domain):
            return Account(Address(address.key, domain.name))
        return account

    def reaches(self, view: DirectoryView, address: Address, account: Address) -> bool:
        """True where mail for `address` reaches the account: the right to receive is the right to
        send."""
        if view.domain(address.domain) is None:
            return False
        found = self.route(view, address)
        return isinstance(found, Destinations) and account in found.here

    def _expand(
        self,
        view: DirectoryView,
        address: Address,
        found: Destinations,
        seen: set[tuple[str, str]],
    ) -> None:
        domain = view.domain(address.domain)
        if domain is None:
            found.elsewhere[address] = None
            return
        if found.count > MOST:
            return
        key = (domain.name, address.key)
        targets = self._targets(view, domain, address)
        if targets and key not in seen:
            seen.add(key)
            found.expanded |= len(targets) > 1
            for target in targets:
                self._expand(view, target, found, seen)
            return
        account = self.account_of(view, address)
        if account is not None:
            found.here.setdefault(account.address, address)
        elif targets:
            found.looped = True
        else:
            found.unknown.append(address)

    def _targets(
        self, view: DirectoryView, domain: Domain, address: Address
    ) -> tuple[Address, ...]:
        """The addresses that stand for this one, none for a mailbox or an unknown name."""
        plain = self._without_detail(address)
        targets = domain.aliases.get(address.key) or domain.aliases.get(plain.key)
        if targets:
            return targets
        if address.key in domain.accounts or plain.key in domain.accounts:
            return ()
        if address.key in ROLES:
            heir = self._heir(view, domain)
            return (heir,) if heir else ()
        return (domain.catch_all,) if domain.catch_all else ()

    def _heir(self, view: DirectoryView, domain: Domain) -> Address | None:
        """Who gets the mail of a role that has no name of its own in the domain.

        None where there is nobody: the role then has a mailbox of its own, made when mail comes.
        """
        if domain.catch_all:
            return domain.catch_all
        admin = self.admin
        if admin is None:
            return None
        home = view.domain(admin.domain)
        if home is not None and home.name == domain.name and admin.key in ROLES:
            return None
        return admin

    def _complete(self, view: DirectoryView, address: Address) -> Address:
        """Give the bare `<postmaster>` of RFC 5321 §4.1.1.3 a domain."""
        if address.domain:
            return address
        if self.admin is not None and self.hostname not in view.domains:
            return self.admin
        name = self.hostname if view.domain(self.hostname) else next(iter(view.domains), "")
        return replace(address, domain=name or self.hostname)

    def _without_detail(self, address: Address) -> Address:
        local, found, _ = address.local.partition(self.separator)
        return Address(local, address.domain) if found and local else address
