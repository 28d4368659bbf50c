"""`mailhost export`: the whole directory as the tables of a settings file.

Hashes of passwords are secrets, and a settings file never has secrets. `--secrets DIR` writes the
hash of each password to a file there, of mode 600, and names that file; without it an account of
the database is printed without its password, and a comment says so. Accounts of the settings file
keep the source that they have.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import click

from mailhost.cli.context import Fail, config_option, load_settings
from mailhost.cli.export_keys import exported_keys
from mailhost.config.load import Loaded
from mailhost.config.model import Settings
from mailhost.config.types import Secret
from mailhost.directory.account_id import id_of_address
from mailhost.interfaces.accounts import Domain
from mailhost.message.address import Address


@click.command("export", short_help="Print the whole directory as TOML.")
@click.option(
    "--secrets",
    "folder",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Write the hashes of passwords, and DKIM keys, to files here, of mode 600.",
)
@config_option
def command(folder: str | None, config: str | None) -> None:
    """Print all domains, accounts and aliases as TOML, to be put into a settings file.

    Passwords of the directory's accounts are left out, and DKIM keys too, unless --secrets says
    where to write hashes and keys. Comments at the end have the commands that import the keys.
    """
    from mailhost.cli.views import both_views

    loaded = load_settings(config)
    sources = dict(_sources(loaded))
    if folder:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    views = list(both_views(loaded))
    if not any(view.domains for _, view in views):
        click.echo(f"{loaded.path} and the directory have no domain", err=True)
    for _, view in views:
        for name, domain in sorted(view.domains.items()):
            also = sorted(alias for alias, own in view.also.items() if own == name)
            passwords = _passwords(domain, sources, folder, loaded.path)
            further = _app_passwords(domain, loaded, folder)
            click.echo("\n".join(_tables(domain, also, passwords, further)))
            for table in ("dkim", "mta_sts"):
                click.echo("".join(_table_of(loaded.settings, name, table)), nl=False)
    for line in exported_keys(loaded.settings, folder):
        click.echo(line)


def _sources(loaded: Loaded) -> Iterator[tuple[Address, Secret]]:
    for name, domain in loaded.settings.domain.items():
        for local, account in domain.account.items():
            if account.password:
                yield Address(local, name), account.password


def _passwords(
    domain: Domain, sources: Mapping[Address, Secret], folder: str | None, settings: str
) -> dict[Address, str]:
    """Return the `password` of each account as TOML, or a comment if it is not printed."""
    passwords = {}
    for account in domain.accounts.values():
        source = sources.get(account.address)
        if source is None and account.secret and folder:
            source = Secret(file=_write(folder, str(account.address), account.secret))
        if source:
            passwords[account.address] = f"password = {_inline(source, settings)}"
        elif account.secret:
            passwords[account.address] = "# its password is left out; --secrets DIR exports it"
    return passwords


def _app_passwords(domain: Domain, loaded: Loaded, folder: str | None) -> dict[Address, str]:
    """Return the `app_passwords` of each account as TOML, a comment where they are left out."""
    found = {}
    for account in domain.accounts.values():
        if not account.app_passwords:
            continue
        settings = loaded.settings.domain.get(domain.name)
        ours = settings.account.get(account.address.local) if settings else None
        if ours is not None:
            sources: Mapping[str, Secret] = ours.app_passwords
        elif folder:
            sources = {
                each.name: Secret(file=_write(folder, f"{account.address} {each.name}", each.hash))
                for each in account.app_passwords
            }
        else:
            found[account.address] = "# its app passwords are left out; --secrets DIR exports them"
            continue
        pairs = (f"{_key(name)} = {_inline(each, loaded.path)}" for name, each in sources.items())
        found[account.address] = f"app_passwords = {{ {', '.join(pairs)} }}"
    return found


def _write(folder: str, name: str, secret: str) -> str:
    """Write a hash to a separate file, and return the absolute path."""
    path = os.path.join(os.path.abspath(folder), name.replace("/", "%2F"))
    if os.path.lexists(path):
        raise Fail(f"{path} is there already; name an empty folder")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(secret + "\n")
    return path


def _inline(source: Secret, settings: str) -> str:
    if source.env:
        return "{ " + _pair("env", source.env) + " }"
    return "{ " + _pair("file", _seen_from(os.path.dirname(settings), source.file)) + " }"


def _seen_from(folder: str, path: str) -> str:
    """Return a path below the folder of the settings file as a relative path, so that both can be
    moved together."""
    relative = os.path.relpath(path, folder)
    return path if relative.startswith("..") else relative


def _tables(
    domain: Domain,
    also: list[str],
    passwords: Mapping[Address, str],
    further: Mapping[Address, str],
) -> Iterator[str]:
    yield f"[domain.{_key(domain.name)}]"
    if also:
        yield _pair("aliases", also)
    if domain.catch_all:
        yield _pair("catch_all", _target(domain.catch_all, domain.name))
    yield ""
    for _, account in sorted(domain.accounts.items()):
        yield f"[domain.{_key(domain.name)}.account.{_key(_local(account.address))}]"
        if account.address in passwords:
            yield passwords[account.address]
        if account.address in further:
            yield further[account.address]
        if account.quota is not None:
            yield _pair("quota", account.quota)
        if account.id != id_of_address(account.address):
            yield _pair("id", account.id)
        yield ""
    if domain.aliases:
        yield f"[domain.{_key(domain.name)}.alias]"
        for local, targets in sorted(domain.aliases.items()):
            name = _local(Address(local, domain.name))
            yield _pair(name, [_target(target, domain.name) for target in targets])
        yield ""


def _table_of(settings: Settings, name: str, table: str) -> Iterator[str]:
    """Yield the lines of `[domain.NAME.TABLE]` of a domain of the settings file."""
    found = getattr(settings.domain[name], table) if name in settings.domain else None
    if found is not None and found.model_fields_set:
        yield f"[domain.{_key(name)}.{table}]\n"
        for key in sorted(found.model_fields_set):
            value = getattr(found, key)
            yield f"{_pair(key, list(value) if isinstance(value, tuple) else value)}\n"
        yield "\n"


def _local(address: Address) -> str:
    return str(address).removesuffix(f"@{address.domain}")


def _target(address: Address, domain: str) -> str:
    return _local(address) if address.domain == domain else str(address)


def _pair(name: str, value: Any) -> str:
    """Return `key = value` as TOML on one line; tomli-w would write lists over several lines."""
    import tomli_w

    if isinstance(value, list):
        return f"{_key(name)} = [{', '.join(_value(item) for item in value)}]"
    return tomli_w.dumps({name: value}).rstrip("\n")


def _value(value: Any) -> str:
    return _pair("x", value).removeprefix("x = ")


def _key(name: str) -> str:
    return _pair(name, 0).removesuffix(" = 0")
