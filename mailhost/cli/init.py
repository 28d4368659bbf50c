"""`mailhost init`: a settings file and a data folder to start from. Never overwrites."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Iterator
from importlib.resources import files
from string import Template

import click

from mailhost.application.privileges import WrongFolder, make_data_folder
from mailhost.cli.context import DOMAIN, Fail, load_settings, reading
from mailhost.directory.place import in_use
from mailhost.message.address import unicode_domain


@click.command("init", short_help="Write a settings file to start from.")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False))
@click.option("--hostname", type=DOMAIN, required=True, help="The host's own full name.")
@click.option("--domain", "domains", type=DOMAIN, multiple=True, required=True, metavar="D")
@click.option("--user", default="", help="Whom the host becomes, when root starts it.")
@click.option(
    "--data", default="data", metavar="PATH", help="The data folder.  [default: DIR/data]"
)
@click.option(
    "--new-directory", is_flag=True, help="Make an empty directory where the former one is lost."
)
def command(
    folder: str,
    hostname: str,
    domains: tuple[str, ...],
    user: str,
    data: str,
    new_directory: bool,
) -> None:
    """Write DIR/mailhost.toml and make a data folder, with these domains in its directory.

    Run again it leaves what is there as it is, and says so.
    """
    path = os.path.join(os.path.abspath(folder), "mailhost.toml")
    os.makedirs(folder, exist_ok=True)
    data = data if data == "data" else os.path.abspath(data)
    _write_settings(path, hostname, domains[0], user, data)
    loaded = load_settings(path)
    settings = loaded.settings
    if settings.hostname != hostname:
        click.echo(f"its hostname is {settings.hostname}, not {hostname}: change it there")
    made = _make_data(settings.data, settings.user)
    click.echo(f"{settings.data} is {'made' if made else 'there already: left as it is'}")
    there = {name for name, own in settings.domain.items() for name in (name, *own.aliases)}
    create = made or new_directory or not in_use(settings.data)
    with reading(settings, create) as database:
        view = database.view()
        for name in dict.fromkeys(domains):
            if name in there or view.domain(name):
                click.echo(f"{name} is there already")
            else:
                database.add_domain(name)
                click.echo(f"{name} is added to the directory")
    click.echo("\n".join(_next_steps(path, settings.hostname, dict.fromkeys(domains))))


def _make_data(path: str, user: str) -> bool:
    try:
        return make_data_folder(path, user)
    except WrongFolder as error:
        raise Fail(str(error)) from error


def _write_settings(path: str, hostname: str, domain: str, user: str, data: str) -> None:
    if user:
        _need_user(user)
    template = Template(files("mailhost.cli").joinpath("templates/mailhost.toml").read_text())
    text = template.substitute(
        hostname=f'"{hostname}"',
        plain_hostname=hostname,
        data=json.dumps(data, ensure_ascii=False),  # a JSON string is a TOML string
        admin=f'"you@{domain}"',
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


def _need_user(user: str) -> None:
    try:
        pwd.getpwnam(user)
    except KeyError as error:
        raise Fail(f"this machine has no user {user!r}; make one first") from error


def _next_steps(path: str, hostname: str, domains: dict[str, None]) -> Iterator[str]:
    first = next(iter(domains))
    yield ""
    yield "Next:"
    yield f"  1. make accounts:  mailhost account add you@{first} --config {path}"
    yield f"  2. read and edit:  {path}, then  mailhost check-config --config {path}"
    yield f"  3. start it:       twistd -n mailhost --config {path}"
    yield "     (as root, or from systemd, for the ports below 1024)"
    yield "  4. tell the DNS, where 192.0.2.1 and 2001:db8::1 are this machine's addresses:"
    yield ""
    rows = [(f"{hostname}.", "A", "192.0.2.1"), (f"{hostname}.", "AAAA", "2001:db8::1")]
    for domain in domains:
        rows.append((f"{domain}.", "MX", f"10 {hostname}."))
        rows.append((f"{domain}.", "TXT", '"v=spf1 mx -all"'))
        rows.append((f"_submissions._tcp.{domain}.", "SRV", f"0 1 465 {hostname}."))
        rows.append((f"_pop3s._tcp.{domain}.", "SRV", f"0 1 995 {hostname}."))
    width = max(len(name) for name, _, _ in rows)
    for name, kind, value in rows:
        yield f"     {name:<{width}}  {kind:<4}  {value}"
    yield ""
    yield f"     and ask who gives you the addresses to name them {hostname} (PTR): many hosts"
    yield "     refuse mail from an address without a name."
    for domain in domains:
        if unicode_domain(domain) != domain:
            yield f"     ({domain} is how the DNS writes {unicode_domain(domain)}.)"
