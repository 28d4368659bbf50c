"""The domains of the settings file as a view."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from mailhost.config.model import DomainSettings, Settings
from mailhost.config.types import Secret
from mailhost.message.accounts import Account, DirectoryView, Domain
from mailhost.message.address import Address, parse_address


def view_of_settings(
    settings: Settings, secret_of: Callable[[Secret | None], str]
) -> DirectoryView:
    """Return what the file says of domains. `secret_of` gives the hash that a source holds."""
    return DirectoryView(
        {name: _domain(name, domain, secret_of) for name, domain in settings.domain.items()},
        {also: name for name, domain in settings.domain.items() for also in domain.aliases},
    )


def _domain(name: str, settings: DomainSettings, secret_of: SecretOf) -> Domain:
    accounts = [
        Account(Address(local, name), secret_of(account.password), account.quota)
        for local, account in settings.account.items()
    ]
    return Domain(
        name,
        {account.address.key: account for account in accounts},
        {Address(a, name).key: _targets(targets, name) for a, targets in settings.alias.items()},
        _target(settings.catch_all, name) if settings.catch_all else None,
    )


def _targets(targets: Iterable[str], domain: str) -> tuple[Address, ...]:
    return tuple(_target(target, domain) for target in targets)


def _target(target: str, domain: str) -> Address:
    """A name without @ is one of the same domain."""
    return parse_address(target if "@" in target else f"{target}@{domain}")
