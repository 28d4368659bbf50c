"""`mailhost check-config`: is the settings file right?"""

from __future__ import annotations

import click

from mailhost.application.runnable import cannot_run
from mailhost.cli.context import Fail, config_option, load_settings


@click.command("check-config", short_help="Tell what is wrong with the settings.")
@config_option
def command(config: str | None) -> None:
    """Tell everything that is wrong with the settings file."""
    loaded = load_settings(config)
    settings = loaded.settings
    fault = cannot_run(settings.user)
    if fault:
        raise Fail(f"user: {fault}")
    domains = len(settings.domain)
    click.echo(
        f"{loaded.path} is right: {settings.hostname}, {len(settings.listen)} listeners, "
        f"{domains} {'domain' if domains == 1 else 'domains'} in the file"
    )
