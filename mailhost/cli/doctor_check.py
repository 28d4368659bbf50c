"""`mailhost doctor [TARGET]`: runs the checks, shows their progress, and prints the report."""

from __future__ import annotations

import os
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
    from mailhost.doctor.context import DoctorContext, OwnDomains
    from mailhost.doctor.host.local_facts import LocalFacts
    from mailhost.doctor.server.transcript import Transcript
    from mailhost.doctor.target import Target
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

    wanted = _parsed(target)
    dialogues: list[Transcript] = []
    options = _options(user, password_file, recipient, insecure, dialogues.append)
    try:
        results = _results(_loaded(config, wanted), wanted, options)
    except Fail as error:
        results = _wrong_settings(error)
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


def _options(
    user: str | None,
    password_file: str | None,
    recipient: str | None,
    insecure: bool,
    on_transcript: Callable[[Transcript], None],
) -> TargetOptions:
    try:
        return target_options(user, password_file, recipient, insecure, on_transcript)
    except Fail as error:
        raise NotExamined(error.message) from error


def _parsed(text: str | None) -> Target | None:
    from mailhost.doctor.target import BadTarget, parse_target

    try:
        return None if text is None else parse_target(text)
    except BadTarget as error:
        raise NotExamined(str(error)) from error


def _loaded(config: str | None, target: Target | None) -> Loaded | None:
    """Return the settings. A TARGET can be examined without, unless `config` names them."""
    try:
        return load_settings(config)
    except Fail:
        if target is not None and config is None:
            return None
        raise


def _wrong_settings(error: Fail) -> list[CheckResult]:
    """Return the findings about settings that cannot be used. Raises NotExamined for another error,
    and if there is no file to read."""
    from mailhost.config.problems import BadSettings
    from mailhost.doctor.checks import CheckResult
    from mailhost.doctor.this_host import wrong_settings_check

    cause = error.__cause__
    if not isinstance(cause, BadSettings) or not os.access(cause.path, os.R_OK):
        raise NotExamined(error.message) from error
    checked, findings = wrong_settings_check(cause)
    return [CheckResult(checked, findings)]


def _results(
    loaded: Loaded | None, target: Target | None, options: TargetOptions
) -> list[CheckResult]:
    """Run the checks. Root runs them with the rights of the data folder's owner, after it has
    collected what only root can find out."""
    from mailhost.application.local_facts import collect_facts
    from mailhost.application.privileges import as_owner
    from mailhost.cli.own_domains import domains_to_examine
    from mailhost.doctor.context import OwnDomains
    from mailhost.doctor.target import domain_of

    only = None if target is None else domain_of(target)
    own = domains_to_examine(loaded, only) if loaded else OwnDomains()
    local = collect_facts(loaded) if loaded and not target else None
    owned = loaded is not None and os.path.isdir(loaded.settings.data)
    with as_owner(loaded.settings.data) if loaded and owned else nullcontext():
        return _run(loaded, target, own, local, options)


def _run(
    loaded: Loaded | None,
    target: Target | None,
    own: OwnDomains,
    local: LocalFacts | None,
    options: TargetOptions,
) -> list[CheckResult]:
    from mailhost.cli.asynchronous import run_on_reactor
    from mailhost.concurrency.threads import own_threads
    from mailhost.config.model import DNS
    from mailhost.doctor.checks import run_checks
    from mailhost.doctor.context import DoctorContext
    from mailhost.net.dns.resolver import Resolver

    async def run(reactor: IReactor) -> list[CheckResult]:
        resolver = Resolver(reactor, loaded.settings.dns if loaded else DNS())
        context = DoctorContext(reactor, own_threads(reactor), resolver, loaded, own)
        checks = await _checks(context, target, local, options)
        with _progress(len(checks)) as ended:
            return await run_checks(checks, reactor, ended)

    return run_on_reactor(run)


async def _checks(
    context: DoctorContext, target: Target | None, local: LocalFacts | None, options: TargetOptions
) -> Sequence[Check]:
    from mailhost.doctor.server.checks import checks_of_server
    from mailhost.doctor.targets import checks_of_target
    from mailhost.doctor.this_host import checks_of_this_host

    if target is None:
        assert context.loaded is not None and local is not None  # `_results` has collected them
        return checks_of_this_host(context, context.loaded, local)
    try:
        return await checks_of_target(context, target, options, checks_of_server)
    except ValueError as error:
        raise NotExamined(str(error)) from error


def _progress(count: int) -> AbstractContextManager[Callable[[CheckResult], Any]]:
    """Show on a terminal how many checks have ended; give what takes each result."""
    if not sys.stderr.isatty():
        return nullcontext(lambda result: None)
    from mailhost.cli.doctor_progress import shown_progress

    return shown_progress(count)
