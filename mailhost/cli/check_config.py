"""`mailhost check-config`: checks the settings file, the files that it names, the directory, and
the files with DKIM keys."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from mailhost.application.privileges import WrongFolder, check_data_folder
from mailhost.application.runnable import cannot_run
from mailhost.cli.context import Fail, config_option, load_settings

if TYPE_CHECKING:
    from mailhost.config.model import Settings


@click.command("check-config", short_help="Report the faults of the settings.")
@click.option("--strict", is_flag=True, help="Treat warnings as faults: exit code 1.")
@config_option
def command(strict: bool, config: str | None) -> None:
    """Report all faults of the settings, of the files that they name, of the directory, and of the
    files with DKIM keys.

    A fault gives exit code 1, a warning does not. Run it as root, so that it can check which files
    the host's user can read.
    """
    from mailhost.cli.key_findings import key_findings
    from mailhost.cli.views import whole_directory
    from mailhost.directory.hints import directory_hints
    from mailhost.directory.place import folder_is_new
    from mailhost.doctor.host.certificate_files import file_findings

    loaded = load_settings(config)
    found = file_findings(loaded)
    faults = [finding.text for finding in found if finding.serious]
    python = cannot_run(loaded.settings.user)
    if python:
        faults.insert(0, f"user: {python}")
    faults += _of_data_folder(loaded.settings)
    if faults:
        raise Fail("\n".join(faults))
    union = whole_directory(loaded)
    here, there = len(loaded.settings.domain), len(union.view.domains)
    click.echo(
        f"{loaded.path} is right: {loaded.settings.hostname}, "
        f"{_many(len(loaded.settings.listen), 'listener')}, {_many(there, 'domain')} "
        f"({here} in the file, {there - here} in the directory)"
    )
    warnings = [*(finding.text for finding in found), *map(str, loaded.warnings)]
    if not os.path.isdir(loaded.settings.data) and loaded.settings.demo is None:
        warnings.append(f"data: {folder_is_new(loaded.settings.data)}")
    warnings += [*key_findings(loaded.settings), *directory_hints(loaded.settings, union)]
    for warning in warnings:
        click.echo(f"warning: {warning}")
    if warnings and strict:
        raise Fail(_many(len(warnings), "warning"))


def _of_data_folder(settings: Settings) -> Iterator[str]:
    """Yield the faults of the data folder for the user of the settings, if root runs the
    command."""
    if not settings.user or os.geteuid() != 0 or not os.path.isdir(settings.data):
        return
    try:
        check_data_folder(settings.data, settings.user)
    except WrongFolder as error:
        yield f"data: {error}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
