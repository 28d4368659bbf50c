"""`mailhost doctor [TARGET]`: runs the checks, shows their progress, and prints the report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from mailhost.cli.context import Fail, config_option, load_settings
from mailhost.cli.doctor_options import (
    server_options,
    target_options,
    transcript_lines,
    transcript_values,
)
from mailhost.cli.table import plain, print_json, terminal_width

if TYPE_CHECKING:
    from mailhost.config.load import Loaded
    from mailhost.doctor.checks import Check, CheckResult
    from mailhost.doctor.context import DoctorContext
    from mailhost.doctor.server.transcript import Transcript
    from mailhost.doctor.targets import TargetOptions
    from mailhost.interfaces.reactor import IReactor

WIDTH = 80  # columns where the output is no terminal


class NotExamined(Fail):
    """The checks could not be run at all."""

    exit_code = 3


@click.command("check", short_help="Examine this host, or TARGET.")
@click.argument("target", required=False)
@server_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def check(
    target: str | None,
    user: str | None,
    password_file: str | None,
    recipient: str | None,
    insecure: bool,
    transcript: bool,
    as_json: bool,
    config: str | None,
) -> None:
    """Examine this host, or TARGET: a domain, a host[:port], or a mail address.

    The exit code is 0 if all is fine, 1 with warnings, 2 with failures, 3 if the checks could not
    be run.
    """
    from mailhost.doctor.report import code_of, report_values

    dialogues: list[Transcript] = []
    try:
        loaded = load_settings(config) if config or not target else None
        options = target_options(user, password_file, recipient, insecure, dialogues.append)
    except Fail as error:
        raise NotExamined(error.message) from error
    results = _results(loaded, target, options)
    shown = dialogues if transcript else []
    if as_json:
        values = report_values(results)
        print_json({**values, "transcripts": transcript_values(shown)} if transcript else values)
    else:
        _print(results, shown)
    sys.exit(code_of(results))


def _print(results: Sequence[CheckResult], dialogues: Sequence[Transcript]) -> None:
    from mailhost.doctor.report import report_text

    for line in report_text(results, terminal_width() or WIDTH):
        click.echo(plain(line))
    for line in transcript_lines(dialogues):
        click.echo(line)


def _results(
    loaded: Loaded | None, target: str | None, options: TargetOptions
) -> list[CheckResult]:
    from mailhost.cli.asynchronous import run_on_reactor
    from mailhost.concurrency.threads import threads_of
    from mailhost.config.model import DNS
    from mailhost.doctor.checks import run_checks
    from mailhost.doctor.context import DoctorContext
    from mailhost.net.dns.resolver import Resolver

    async def run(reactor: IReactor) -> list[CheckResult]:
        resolver = Resolver(reactor, loaded.settings.dns if loaded else DNS())
        context = DoctorContext(reactor, threads_of(reactor), resolver, loaded)
        checks = _checks(context, target, options)
        with _progress(len(checks)) as ended:
            return await run_checks(checks, reactor, ended)

    return run_on_reactor(run)


def _checks(context: DoctorContext, target: str | None, options: TargetOptions) -> Sequence[Check]:
    from mailhost.doctor.server.checks import checks_of_server
    from mailhost.doctor.targets import checks_of_target
    from mailhost.doctor.this_host import checks_of_this_host

    if target is None:
        assert context.loaded is not None  # `check` has loaded them
        return checks_of_this_host(context, context.loaded)
    try:
        return checks_of_target(context, target, options, checks_of_server)
    except ValueError as error:
        raise NotExamined(str(error)) from error


def _progress(count: int) -> AbstractContextManager[Callable[[CheckResult], Any]]:
    """Show on a terminal how many checks have ended; give what takes each result."""
    if not sys.stderr.isatty():
        return nullcontext(lambda result: None)
    from mailhost.cli.doctor_progress import shown_progress

    return shown_progress(count)
