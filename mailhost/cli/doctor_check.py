"""`mailhost doctor [TARGET]`: runs the checks, shows their progress, and prints the report."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from mailhost.cli.context import Fail, config_option, load_settings
from mailhost.cli.doctor_options import (
    server_options,
    target_options,
    transcript_lines,
    transcript_values,
)
from mailhost.cli.examining import ExaminingCommand, NotExamined
from mailhost.cli.table import plain, print_json, text_width

if TYPE_CHECKING:
    from mailhost.config.load import Loaded
    from mailhost.doctor.checks import Check, CheckResult
    from mailhost.doctor.context import DoctorContext, OwnDomains
    from mailhost.doctor.server.transcript import Transcript
    from mailhost.doctor.target import Target
    from mailhost.doctor.targets import TargetOptions
    from mailhost.interfaces.reactor import IReactor

    Asked: TypeAlias = tuple[Target, TargetOptions]


WITHOUT_TARGET = (
    "--user, --password-file, --to, --insecure, --transcript and --abuse are for a TARGET: name a "
    "domain, a host[:port], or a mail address"
)


@click.command("check", cls=ExaminingCommand, short_help="Examine this host, or TARGET.")
@click.argument("target", required=False)
@server_options
@click.option("--abuse", is_flag=True, help="Try whether strangers can abuse TARGET.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def check(
    target: str | None,
    user: str | None,
    password_file: str | None,
    recipient: str,
    insecure: bool,
    transcript: bool,
    abuse: bool,
    as_json: bool,
    config: str | None,
) -> None:
    """Examine this host, or TARGET: a domain, a host[:port], or a mail address.

    The exit code is 0 if all is fine, 1 with warnings, 2 with failures, 3 for wrong usage, or if
    the checks could not be run.
    """
    wanted = _parsed(target)
    if wanted is None and (user or password_file or recipient or insecure or transcript or abuse):
        raise click.UsageError(WITHOUT_TARGET)
    dialogues: list[Transcript] = []
    asked: Asked | None = None
    if wanted is not None:
        given = (user, password_file, recipient, insecure, abuse)
        asked = wanted, target_options(*given, dialogues.append)
    try:
        results = _results(_loaded(config, wanted), asked)
    except Fail as error:
        results = _wrong_settings(error)
    show_report(results, as_json, dialogues if transcript else None)


def show_report(
    results: list[CheckResult], as_json: bool, dialogues: Sequence[Transcript] | None = None
) -> None:
    """Print the report and the dialogues, if any; exit with the code of the report."""
    from mailhost.doctor.report import code_of, report_text, report_values

    if as_json:
        shown = {} if dialogues is None else {"transcripts": transcript_values(dialogues)}
        print_json({**report_values(results), **shown})
    else:
        for line in report_text(results, text_width()):
            click.echo(plain(line))
        for line in transcript_lines(dialogues or ()):
            click.echo(line)
    sys.exit(code_of(results))


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


def _results(loaded: Loaded | None, asked: Asked | None) -> list[CheckResult]:
    """Examine a TARGET, or this host if there is none. The code for the other one is not imported,
    since that takes a tenth of a second."""
    from mailhost.application.local_facts import collect_facts
    from mailhost.cli.own_domains import domains_to_examine
    from mailhost.doctor.context import OwnDomains
    from mailhost.doctor.target import domain_of

    only = None if asked is None else domain_of(asked[0])
    own = domains_to_examine(loaded, only) if loaded else OwnDomains()
    local = collect_facts(loaded) if loaded and asked is None else None

    async def checks(context: DoctorContext) -> Sequence[Check]:
        if asked is not None:
            return await _checks_of_target(context, *asked)
        assert loaded is not None and local is not None  # this host cannot be examined without
        from mailhost.doctor.this_host import checks_of_this_host

        return checks_of_this_host(context, loaded, local)

    return examined(loaded, checks, own)


def examined(
    loaded: Loaded | None,
    checks_of: Callable[[DoctorContext], Awaitable[Sequence[Check]]],
    own: OwnDomains | None = None,
) -> list[CheckResult]:
    """Run the checks that `checks_of` returns, and show their progress. Root runs them with the
    rights of the data folder's owner, unless that user cannot load this program."""
    from mailhost.application.privileges import as_owner
    from mailhost.application.runnable import cannot_run
    from mailhost.cli.asynchronous import run_on_reactor
    from mailhost.concurrency.threads import own_threads
    from mailhost.config.model import DNS
    from mailhost.doctor.checks import run_checks
    from mailhost.doctor.context import DoctorContext, OwnDomains
    from mailhost.doctor.host.readable import user_of_host
    from mailhost.net.dns.resolver import Resolver

    async def run(reactor: IReactor) -> list[CheckResult]:
        resolver = Resolver(reactor, loaded.settings.dns if loaded else DNS())
        threads = own_threads(reactor)
        context = DoctorContext(reactor, threads, resolver, loaded, own or OwnDomains())
        checks = await checks_of(context)
        with _progress(len(checks)) as ended:
            return await run_checks(checks, reactor, ended)

    data = loaded.settings.data if loaded else ""
    owned = loaded and os.path.isdir(data) and not cannot_run(user_of_host(loaded.settings))
    with as_owner(data) if owned else nullcontext():
        return run_on_reactor(run)


async def _checks_of_target(
    context: DoctorContext, target: Target, options: TargetOptions
) -> Sequence[Check]:
    from mailhost.doctor.server.checks import checks_of_server
    from mailhost.doctor.targets import checks_of_target

    try:
        return await checks_of_target(context, target, options, checks_of_server)
    except ValueError as error:
        raise NotExamined(str(error)) from error


def _progress(count: int) -> AbstractContextManager[Callable[[CheckResult], Any]]:
    """Show on a terminal how many checks have ended; give the function to call with
    each result."""
    if not sys.stderr.isatty():
        return nullcontext(lambda result: None)
    from mailhost.cli.doctor_progress import shown_progress

    return shown_progress(count)
