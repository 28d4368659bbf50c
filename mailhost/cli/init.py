"""`mailhost init`: makes a settings file and a data folder. Never overwrites a file."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Iterator, Sequence
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

import click

from mailhost.application.privileges import WrongFolder, check_owner, make_data_folder
from mailhost.cli.context import (
    ADDRESS,
    DOMAIN,
    PLACES,
    Fail,
    load_settings,
    on_terminal,
    open_database,
    refusals,
)
from mailhost.cli.table import plain
from mailhost.directory.place import in_use
from mailhost.message.address import Address, BadAddress, parse_address

if TYPE_CHECKING:
    from mailhost.config.load import Loaded
    from mailhost.config.model import Settings


@click.command("init", short_help="Write a settings file to start from.")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False))
@click.option(
    "--hostname",
    type=DOMAIN,
    required=True,
    metavar="NAME",
    help="The full name of this host, such as mail.example.com.",
)
@click.option(
    "--domain",
    "domains",
    type=DOMAIN,
    multiple=True,
    required=True,
    metavar="NAME",
    help="A domain of this host; may be repeated.",
)
@click.option(
    "--admin",
    type=ADDRESS,
    metavar="ADDRESS",
    help="The address that gets the mail for postmaster and abuse. Asked for on a terminal.",
)
@click.option(
    "--user", default="", metavar="NAME", help="The user that the host becomes when root starts it."
)
@click.option(
    "--data", default="data", metavar="PATH", help="The data folder.  [default: DIR/data]"
)
@click.option(
    "--new-directory", is_flag=True, help="Make an empty directory in place of a lost one."
)
def command(
    folder: str,
    hostname: str,
    domains: tuple[str, ...],
    admin: Address | None,
    user: str,
    data: str,
    new_directory: bool,
) -> None:
    """Write DIR/mailhost.toml and make a data folder, with these domains in its directory.

    Files and domains that exist are not changed, and the command says so.
    """
    path = os.path.join(os.path.abspath(folder), "mailhost.toml")
    data = data if data == "data" else os.path.abspath(data)
    _check(hostname, data)
    if user:
        _need_user(user)
    if admin is None and on_terminal() and not os.path.exists(path):
        admin = _asked_admin()
    os.makedirs(folder, exist_ok=True)
    _write_settings(path, hostname, domains[0], admin, user, data)
    loaded = load_settings(path)
    settings = loaded.settings
    if settings.hostname != hostname:
        click.echo(f"its hostname is {settings.hostname}, not {hostname}: change it there")
    if admin is not None and settings.admin != admin:
        click.echo(f"its admin is {settings.admin or 'not set'}, not {admin}: change it there")
    made = _make_data(settings.data, settings.user)
    click.echo(f"{settings.data} is {'made' if made else 'there already: left as it is'}")
    _add_domains(settings, domains, made or new_directory or not in_use(settings.data))
    option = f"--config {path}" if path not in PLACES else ""
    click.echo("\n".join(_next_steps(path, option, settings, dict.fromkeys(domains))))
    for line in _checked(loaded, f"mailhost doctor {option}".rstrip()):
        click.echo(plain(line))


def _add_domains(settings: Settings, domains: Sequence[str], create: bool) -> None:
    there = {name for name, own in settings.domain.items() for name in (name, *own.aliases)}
    with refusals(), open_database(settings, create) as database:
        view = database.view()
        for name in dict.fromkeys(domains):
            if name in there or view.domain(name):
                click.echo(f"{name} is there already")
            else:
                database.add_domain(name)
                click.echo(f"{name} is added to the directory")


def _make_data(path: str, user: str) -> bool:
    try:
        made = make_data_folder(path, user)
        if user:  # else the unit of systemd may set the user
            check_owner(path, user)
    except WrongFolder as error:
        raise Fail(str(error)) from error
    return made


def _check(hostname: str, data: str) -> None:
    """Raise Fail for values with which a host does not start, before anything is written."""
    from mailhost.config.plausible import data_fault, hostname_fault

    for name, text in (("hostname", hostname_fault(hostname)), ("data", data_fault(data))):
        if text:
            raise Fail(f"--{name}: {text}")


def _asked_admin() -> Address | None:
    """Ask for the admin until the answer is an address, or empty for None."""

    def read(text: str) -> Address | None:
        try:
            return parse_address(text) if text.strip() else None
        except BadAddress as error:
            raise click.BadParameter(str(error)) from error

    click.echo("The admin gets the mail for postmaster and abuse; without an admin it is deferred.")
    answer: Address | None = click.prompt(
        "Address of the admin (empty for none yet)", default="", show_default=False, value_proc=read
    )
    return answer


def _write_settings(
    path: str, hostname: str, domain: str, admin: Address | None, user: str, data: str
) -> None:
    template = Template(files("mailhost.cli").joinpath("templates/mailhost.toml").read_text())
    text = template.substitute(
        hostname=f'"{hostname}"',
        data=_quoted(data),
        admin=f"admin = {_quoted(str(admin))}" if admin else f'#admin = "you@{domain}"',
        user=f'user = "{user}"' if user else '#user = "mailhost"',
    )
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        click.echo(f"{path} is there already: left as it is")
        return
    except OSError as error:
        raise Fail(f"cannot write {path}: {error.strerror}") from error
    click.echo(f"{path} is written")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a JSON string is a TOML string


def _need_user(user: str) -> None:
    try:
        pwd.getpwnam(user)
    except KeyError as error:
        raise Fail(f"--user: this machine has no user {user!r}; make one first") from error


def _next_steps(
    path: str, option: str, settings: Settings, domains: dict[str, None]
) -> Iterator[str]:
    hostname, admin = settings.hostname, settings.admin
    first = admin if admin and admin.domain in domains else f"you@{next(iter(domains))}"
    yield ""
    yield "Next:"
    yield f"  1. make accounts:  mailhost account add {first} {option}".rstrip()
    yield f"  2. read and edit:  {path}"
    if admin is None:
        yield "     (set admin there: without it mail for postmaster and abuse is deferred)"
    yield f"  3. check it:       mailhost check-config {option}".rstrip()
    yield f"  4. start it:       mailhost run {option}".rstrip()
    yield "     (as root, or from systemd, for the ports below 1024)"
    yield "  5. publish the DNS records that these commands print; with --check they compare them:"
    for name in ("", *domains):
        yield "       " + " ".join(filter(None, ("mailhost dns", name, option)))
    yield f"     and ask your provider for {hostname} as the reverse name (PTR) of the addresses of"
    yield "     this machine: many hosts refuse mail from an address without a name."


def _checked(loaded: Loaded, command: str) -> Iterator[str]:
    """Yield the shortest form of the doctor's report, as far as it needs no running host."""
    from mailhost.application.local_facts import collect_facts
    from mailhost.doctor.host.short import findings_before_start, short_lines

    found = findings_before_start(loaded, collect_facts(loaded))
    yield ""
    if found:
        yield "The doctor found:"
        yield from (f"  {line}" for line in short_lines(found, command))
    else:
        yield f"The doctor found nothing wrong so far. Next: start the host, then run `{command}`."
