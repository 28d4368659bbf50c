"""`mailhost check-config`: is the settings file right?"""

from __future__ import annotations

from collections.abc import Sequence

import click

from mailhost.cli.certificates import file_findings
from mailhost.cli.context import config_option, load_settings
from mailhost.net.certificate_checks import Finding


@click.command("check-config", short_help="Tell what is wrong with the settings.")
@config_option
def command(config: str | None) -> None:
    """Tell everything that is wrong with the settings file, and with the files that it names.

    Run it as root, so that it can try what the host's user may read.
    """
    loaded = load_settings(config)
    settings = loaded.settings
    _tell(file_findings(loaded))
    domains = len(settings.domain)
    click.echo(
        f"{loaded.path} is right: {settings.hostname}, {len(settings.listen)} listeners, "
        f"{domains} {'domain' if domains == 1 else 'domains'} in the file"
    )


def _tell(found: Sequence[Finding]) -> None:
    """Print warnings; exit with 1 where one of them is serious."""
    for finding in found:
        click.echo(f"{'Error' if finding.serious else 'Warning'}: {finding.words}", err=True)
    if any(finding.serious for finding in found):
        raise SystemExit(1)
