"""`mailhost check-config`: is the settings file right?"""

from __future__ import annotations

import click

from mailhost.cli.certificates import file_findings
from mailhost.cli.context import Fail, config_option, load_settings


@click.command("check-config", short_help="Tell what is wrong with the settings.")
@config_option
def command(config: str | None) -> None:
    """Tell everything that is wrong with the settings file, and with the files that it names.

    Run it as root, so that it can try what the host's user may read.
    """
    loaded = load_settings(config)
    settings = loaded.settings
    found = file_findings(loaded)
    faults = [finding.words for finding in found if finding.serious]
    if faults:
        raise Fail("\n".join(faults))
    domains = len(settings.domain)
    click.echo(
        f"{loaded.path} is right: {settings.hostname}, {len(settings.listen)} listeners, "
        f"{domains} {'domain' if domains == 1 else 'domains'} in the file"
    )
    for finding in found:
        click.echo(f"warning: {finding.words}")
