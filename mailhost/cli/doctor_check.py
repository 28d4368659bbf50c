"""`mailhost doctor [TARGET]`: runs the checks, shows their progress, and prints the report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from mailhost.cli.context import Fail, config_option, load_settings
from mailhost.cli.table import plain, print_json, terminal_width

if TYPE_CHECKING:
    from mailhost.config.load import Loaded
    from mailhost.doctor.checks import Check, CheckResult
    from mailhost.doctor.context import DoctorContext
    from mailhost.doctor.targets import TargetOptions
    from mailhost.interfaces.reactor import IReactor

WIDTH = 80  # columns where the output is no terminal


class NotExamined(Fail):
    """The checks could not be run at all."""

    exit_code = 3


@click.command("check", short_help="Examine this host, or TARGET.")
@click.argument("target", required=False)
@click.option("--abuse", is_flag=True, help="Try whether strangers can abuse TARGET.")
@click.option("--to", "recipient", default="", help="A mailbox at TARGET that may get tests.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def check(
    target: str | None, abuse: bool, recipient: str, as_json: bool, config: str | None
) -> None:
    """Examine this host, or TARGET: a domain, a host[:port], or a mail address.

    The exit code is 0 if all is fine, 1 with warnings, 2 with failures, 3 if the checks could not
    be run.
    """
    from mailhost.doctor.targets import TargetOptions

    try:
        loaded = load_settings(config) if config or not target else None
    except Fail as error:
        raise NotExamined(error.message) from error
    options = TargetOptions(recipient=recipient, abuse=abuse)
    show_report(_results(loaded, target, options), as_json)


def show_report(results: list[CheckResult], as_json: bool) -> None:
    """Print the report, and exit with its code."""
    from mailhost.doctor.report import code_of, report_text, report_values

    if as_json:
        print_json(report_values(results))
    else:
        for line in report_text(results, terminal_width() or WIDTH):
            click.echo(plain(line))
    sys.exit(code_of(results))


def _results(
    loaded: Loaded | None, target: str | None, options: TargetOptions
) -> list[CheckResult]:
    return examined(loaded, lambda context: _checks(context, target, options))


def examined(
    loaded: Loaded | None, checks_of: Callable[[DoctorContext], Sequence[Check]]
) -> list[CheckResult]:
    """Run the checks that `checks_of` returns, and show their progress."""
    from mailhost.cli.asynchronous import run_on_reactor
    from mailhost.concurrency.threads import threads_of
    from mailhost.config.model import DNS
    from mailhost.doctor.checks import run_checks
    from mailhost.doctor.context import DoctorContext
    from mailhost.net.dns.resolver import Resolver

    async def run(reactor: IReactor) -> list[CheckResult]:
        resolver = Resolver(reactor, loaded.settings.dns if loaded else DNS())
        context = DoctorContext(reactor, threads_of(reactor), resolver, loaded)
        checks = checks_of(context)
        with _progress(len(checks)) as ended:
            return await run_checks(checks, reactor, ended)

    return run_on_reactor(run)


def _checks(context: DoctorContext, target: str | None, options: TargetOptions) -> Sequence[Check]:
    from mailhost.doctor.targets import checks_of_target
    from mailhost.doctor.this_host import checks_of_this_host

    if target is None:
        assert context.loaded is not None  # `check` has loaded them
        return checks_of_this_host(context, context.loaded)
    try:
        return checks_of_target(context, target, options)
    except ValueError as error:
        raise NotExamined(str(error)) from error


def _progress(count: int) -> AbstractContextManager[Callable[[CheckResult], Any]]:
    """Show on a terminal how many checks have ended; give what takes each result."""
    if not sys.stderr.isatty():
        return nullcontext(lambda result: None)
    from mailhost.cli.doctor_progress import shown_progress

    return shown_progress(count)
