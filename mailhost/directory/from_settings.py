"""The domains of the settings file as a view."""

from __future__ import annotations

from mailhost.config.model import DomainSettings, Settings
from mailhost.config.secrets import Secrets
from mailhost.directory.account_id import id_of_address
from mailhost.interfaces.accounts import Account, AppPassword, DirectoryView, Domain
from mailhost.message.address import Address, parse_address


def view_of_settings(settings: Settings, secrets: Secrets) -> DirectoryView:
    """Return the domains of the settings. `secrets` has the hashes of passwords.

    An account without a password receives mail, but nobody can log in to it.
    """
    domains = {name: _domain(name, domain, secrets) for name, domain in settings.domain.items()}
    also = {alias: name for name, domain in settings.domain.items() for alias in domain.aliases}
    return DirectoryView(domains, also)


def _domain(name: str, settings: DomainSettings, secrets: Secrets) -> Domain:
    accounts = {}
    for local, account in settings.account.items():
        address = Address(local, name)
        accounts[address.key] = Account(
            address,
            secrets.of(account.password),
            account.quota,
            account.id or id_of_address(address),
            tuple(
                AppPassword(name, secrets.of(source))
                for name, source in sorted(account.app_passwords.items())
                if secrets.of(source)
            ),
        )
    aliases = {
        Address(local, name).key: tuple(_target(target, name) for target in targets)
        for local, targets in settings.alias.items()
    }
    catch_all = _target(settings.catch_all, name) if settings.catch_all else None
    return Domain(name, accounts, aliases, catch_all)


def _target(text: str, domain: str) -> Address:
    """Return a target as an address; a name without @ is in the same domain."""
    return parse_address(text) if "@" in text else Address(text, domain)
