"""`mailhost web`: the addresses of the web listener, and the configuration of a proxy before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from mailhost.cli.context import config_option, load_settings
from mailhost.cli.table import print_table

if TYPE_CHECKING:
    from mailhost.config.load import Loaded
    from mailhost.config.model import Settings


@click.command("web", short_help="Show the addresses of the web listener.")
@click.option(
    "--behind-proxy",
    "proxy",
    type=click.Choice(["nginx", "caddy"]),
    is_flag=False,
    flag_value="nginx",
    help="Print the configuration of a reverse proxy before the web listener, of nginx if none is "
    "named.",
)
@config_option
def command(proxy: str | None, config: str | None) -> None:
    """Show the addresses of the web listener for each domain of this host, with their purposes.

    Each name in them needs a record in DNS that leads to this host, and a certificate.
    """
    loaded = load_settings(config)
    domains = _domains(loaded)
    if proxy:
        from mailhost.web import proxy_blocks

        write = proxy_blocks.nginx if proxy == "nginx" else proxy_blocks.caddy
        click.echo(write(proxy_blocks.behind(loaded.settings, domains)), nl=False)
        return
    if not any(listen.protocol.web for listen in loaded.settings.listen):
        own = "listen" in loaded.settings.model_fields_set
        more = '[[listen]] tables with protocol = "http" and "https"' if own else "the table [web]"
        click.echo(f"the settings have no web listener; add {more}", err=True)
    empty = "this host has no domain yet; add one with `mailhost domain add`"
    print_table(["address", "for"], list(_addresses(loaded.settings, domains)), empty)


def _domains(loaded: Loaded) -> list[str]:
    """Return the domains of this host and their other names."""
    from mailhost.cli.views import whole_directory

    view = whole_directory(loaded).view
    return sorted({*view.domains, *view.also})


def _addresses(settings: Settings, domains: Sequence[str]) -> Iterator[tuple[str, str]]:
    from mailhost.mta_sts.own import own_policy
    from mailhost.web import autoconfig, sts_policy
    from mailhost.web.apple.page import profile_path
    from mailhost.web.autodiscover import xml_page
    from mailhost.web.https import https_address, own_https_port

    address = partial(https_address, port=own_https_port(settings.listen))
    for domain in domains:
        mode = own_policy(settings, domain).mode.value
        policy = f"the policy of MTA-STS, mode {mode}"
        yield address(f"mta-sts.{domain}", path=sts_policy.PATH), policy
        program = "Thunderbird and others"
        yield address(f"autoconfig.{domain}", path=autoconfig.PATHS[0]), program
        yield address(f"autodiscover.{domain}", path=xml_page.PATH), "Outlook"
        yield address(settings.hostname, path=profile_path(domain)), "iPhone, iPad and Mac"
