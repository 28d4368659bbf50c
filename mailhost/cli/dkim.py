"""`mailhost dkim`: the keys by which domains sign their mail.

The running host carries the commands out. Without one, the command works on the files itself, with
the lock of the data folder, so that no host starts meanwhile.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from mailhost.cli.context import DOMAIN, Fail, NoHost, ask, config_option, load_settings
from mailhost.cli.key_files import key_files
from mailhost.cli.table import print_json, print_table
from mailhost.message.address import unicode_domain

if TYPE_CHECKING:
    from mailhost.config.model import Settings
    from mailhost.signing.commands import Entry
    from mailhost.signing.key_files import KeyFiles


@click.group("dkim", short_help="Show and change the DKIM keys of domains.")
def command() -> None:
    """Show and change the keys by which the domains of this host sign their mail (DKIM).

    The host makes keys for each domain, and replaces them. A key that is coming signs when DNS
    shows its record, the key in use stays until then.
    """


@command.command("list")
@click.argument("name", metavar="[DOMAIN]", type=DOMAIN, required=False)
@click.option("--check", is_flag=True, help="Have the host ask DNS now, and use what it shows.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def list_(name: str | None, check: bool, as_json: bool, config: str | None) -> None:
    """List the keys of all domains; for one domain also the TXT records that DNS must have.

    The column DNS says what DNS showed of each key when the host asked last.
    """
    try:
        keys = ask(config, "dkim.list", domain=name or "", check=check)
    except NoHost:
        if check:
            raise
        settings = load_settings(config).settings
        with _as_owner(settings):
            files = key_files(settings.data)
            domains = [name] if name else files.domains()
            keys = [each for domain in domains for each in _entries(files, domain)]
    if as_json:
        print_json(keys)
        return
    _print(keys, "there are no keys; the host makes them when it runs")
    if name:
        _print_records(keys)


@command.command(short_help="Make the keys that a domain lacks.")
@click.argument("name", metavar="DOMAIN", type=DOMAIN)
@config_option
def make(name: str, config: str | None) -> None:
    """Make the keys that a domain lacks, and print their records.

    The host does so for its domains by itself. The domain need not exist yet, so its records can be
    in DNS before the domain is added.
    """
    _change(config, "make", name)


@command.command(short_help="Make new keys for a domain.")
@click.argument("name", metavar="DOMAIN", type=DOMAIN)
@config_option
def rotate(name: str, config: str | None) -> None:
    """Make new keys for a domain, and print their records.

    A new key takes the place of the present one when DNS shows it.
    """
    _change(config, "rotate", name)


@command.command(short_help="Have a key sign no more.")
@click.argument("name", metavar="DOMAIN", type=DOMAIN)
@click.argument("selector")
@click.option("--force", is_flag=True, help="Retire the only key in use of the domain too.")
@config_option
def retire(name: str, selector: str, force: bool, config: str | None) -> None:
    """Have a key sign no more, and delete its private half.

    Its record must stay in DNS until no mail that it signed can be on its way; the log and the list
    say when that is. A new key of its kind is made, if the domain has no other.
    """
    _change(config, "retire", name, selector=selector, force=force)


@command.command("import", short_help="Use a key that was made elsewhere.")
@click.argument("name", metavar="DOMAIN", type=DOMAIN)
@click.argument("selector")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@config_option
def import_(name: str, selector: str, file: str, config: str | None) -> None:
    """Use a private key that was made elsewhere, such as one of OpenDKIM.

    FILE has the key in PEM, without a password; SELECTOR is the one of its record in DNS.
    """
    with open(file, encoding="utf-8", errors="replace") as source:
        _change(config, "import", name, selector=selector, pem=source.read())


def _change(config: str | None, command: str, domain: str, **arguments: Any) -> None:
    """Carry out a command, in the running host if there is one, and print the keys."""
    try:
        keys = ask(config, f"dkim.{command}", domain=domain, **arguments)
    except NoHost:
        keys = _changed_here(load_settings(config).settings, command, domain, arguments)
    _print(keys, f"{domain} has no keys")
    _print_records(keys)


def _changed_here(
    settings: Settings, command: str, domain: str, arguments: dict[str, Any]
) -> list[Entry]:
    from mailhost.directory.place import in_use
    from mailhost.signing.commands import change_of
    from mailhost.signing.key_work import KeyRefused, KeyWork
    from mailhost.signing.rules import SigningRules
    from mailhost.store.lock import try_lock

    with _as_owner(settings):
        lock = try_lock(os.path.join(settings.data, "lock"))
        if lock is None:
            raise Fail("the host is starting or stopping; try again in some seconds")
        try:
            files = key_files(settings.data)
            files.prepare(new_host=not in_use(settings.data))
            rules = SigningRules(settings).of(domain)
            change_of(command, rules, KeyWork(files), arguments)(domain)
            return _entries(files, domain)
        except KeyRefused as refused:
            raise Fail(str(refused)) from refused
        finally:
            lock.release()


@contextmanager
def _as_owner(settings: Settings) -> Iterator[None]:
    from mailhost.application.privileges import as_owner
    from mailhost.directory.place import why_missing

    if not os.path.isdir(settings.data):
        raise Fail(why_missing(settings.data))
    with as_owner(settings.data):
        yield


def _entries(files: KeyFiles, domain: str) -> list[Entry]:
    from mailhost.interfaces.signing import Shown
    from mailhost.signing.commands import entry_of

    return [entry_of(pair.public, Shown.UNKNOWN) for pair in files.read(domain) or ()]


def _print(keys: Sequence[Entry], empty: str) -> None:
    rows = [
        (
            unicode_domain(key["domain"]),
            key["selector"],
            key["algorithm"],
            key["state"],
            _date(key["since"]),
            key["dns"],
        )
        for key in keys
    ]
    print_table(("domain", "selector", "kind", "state", "since", "DNS"), rows, empty)


def _print_records(keys: Sequence[Entry]) -> None:
    """Print the records as a zone file has them."""
    from mailhost.dns_records.zone import txt_data

    for key in keys:
        if key["state"] != "removable":
            click.echo(f"\n{key['name']}. IN TXT {txt_data(key['record'].encode())}")


def _date(seconds: int) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(seconds))
