"""`mailhost tls-report`: what others report about TLS to the MX hosts of the domains here."""

from __future__ import annotations

import textwrap
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from mailhost.cli.context import DOMAIN, config_option, load_settings
from mailhost.cli.moment import moment_of
from mailhost.cli.table import counted, plain, print_json, print_table, text_width

if TYPE_CHECKING:
    from mailhost.config.model import Settings
    from mailhost.interfaces.tls_sessions import AppliedPolicy
    from mailhost.tls_reports.received import ReceivedReport
    from mailhost.tls_reports.report import PolicyResult
    from mailhost.tls_reports.summary import DomainSummary, FailureSummary

_SHOWN = 30  # reports in the table, the newest
_POLICIES = 10  # the newest
_FAILURES = 20  # kinds of failures, those with most sessions
_NAMES = 5  # names of one kind about a failure


@click.command("tls-report", short_help="Show what other hosts report about TLS (TLS-RPT).")
@click.argument("name", metavar="[DOMAIN]", type=DOMAIN, required=False)
@click.option(
    "--since",
    metavar="TIME",
    default="30 days",
    show_default=True,
    help='Periods that end after TIME: "30 days" (ago), "2026-03-01".',
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def command(name: str | None, since: str, as_json: bool, config: str | None) -> None:
    """Show the reports of other hosts about their TLS sessions with the MX hosts of DOMAIN, or of
    all domains: the policies that they found, how many sessions succeeded and failed, why, and what
    to do about it."""
    from mailhost.application.privileges import as_owner
    from mailhost.tls_reports.received import reports_about
    from mailhost.tls_reports.summary import summarize

    settings = load_settings(config).settings
    start = moment_of(since, time.time())
    with as_owner(settings.data):
        found = summarize(reports_about(settings.data, name or "", start))
    if as_json:
        print_json([_as_json(each) for each in found])
        return
    for number, each in enumerate(found):
        if number:
            click.echo()
        _print(each)
    if not found:
        _print_none(name or "", settings)


def _print_none(name: str, settings: Settings) -> None:
    click.echo(f"no reports about {name}" if name else "no reports")
    addresses = settings.tls_report_addresses
    if not (name in addresses if name else addresses):
        click.echo(
            "set tls_reports to an address in the table of the domain, or in [tls_reports] "
            "addresses, and publish it: `mailhost dns` shows the record"
        )


def _print(summary: DomainSummary) -> None:
    sessions = summary.successes + summary.failed
    click.echo(
        f"{summary.domain}  {_day(summary.begin)} to {_day(summary.end)}, "
        f"{counted(sessions, 'session')}, {summary.failed} failed"
    )
    for policy in summary.policies[:_POLICIES]:
        click.echo(
            f"policy  {plain(_policy(policy.policy))}: {policy.successes} succeeded, "
            f"{policy.failures} failed, last {_day(policy.last)}"
        )
    click.echo()
    rows = [row for each in reversed(summary.reports[-_SHOWN:]) for row in _rows(each)]
    print_table(("reported by", "day", "policy", "succeeded", "failed"), rows, "")
    if len(summary.reports) > _SHOWN:
        click.echo(f"and {len(summary.reports) - _SHOWN} older reports; --json has all")
    for failure in summary.failures[:_FAILURES]:
        click.echo()
        for line in _failure(summary.domain, failure, text_width()):
            click.echo(line)


def _rows(received: ReceivedReport) -> Iterator[Sequence[object]]:
    report = received.report
    by = f"{report.organization or report.contact} ({received.signer})"
    for result in report.results:
        yield by, _day(report.begin), _policy(result.policy), result.successes, result.failures


def _policy(policy: AppliedPolicy) -> str:
    """Return a policy in a few words, such as `sts, mode enforce`."""
    modes = [line.partition(":")[2] for line in policy.lines if line.startswith("mode:")]
    return f"{policy.kind}, mode {modes[0].strip()[:20]}" if modes else str(policy.kind)


def _failure(domain: str, failure: FailureSummary, width: int) -> Iterator[str]:
    from mailhost.tls_reports.advice import advice_for

    advice = advice_for(failure.result, domain)
    name = failure.result or "no reason is given"
    yield f"{plain(name)}: {counted(failure.sessions, 'session')}, last {_day(failure.last)}"
    for label, text in (
        ("meaning", advice.meaning),
        ("MX hosts", _most(failure.hosts)),
        ("reasons", _most(failure.reasons)),
        ("from", _most(failure.senders)),
        ("reported by", ", ".join(sorted(failure.reporters)[:_NAMES])),
        ("to do", advice.remedy),
    ):
        if text:
            yield from textwrap.wrap(
                plain(text), width, initial_indent=f"  {label:<12}", subsequent_indent=" " * 14
            )


def _most(counter: Counter[str]) -> str:
    """Return the names with the most sessions."""
    more = f" and {len(counter) - _NAMES} more" if len(counter) > _NAMES else ""
    return ", ".join(f"{name} ({count})" for name, count in counter.most_common(_NAMES)) + more


def _day(seconds: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def _as_json(summary: DomainSummary) -> dict[str, Any]:
    from mailhost.tls_reports.advice import advice_for

    return {
        "domain": summary.domain,
        "begin": summary.begin,
        "end": summary.end,
        "successes": summary.successes,
        "failures": summary.failed,
        "results": [
            {
                "result": failure.result,
                "meaning": advice_for(failure.result, summary.domain).meaning,
                "remedy": advice_for(failure.result, summary.domain).remedy,
                "sessions": failure.sessions,
                "last": failure.last,
                "mx": dict(failure.hosts),
                "from": dict(failure.senders),
                "reasons": dict(failure.reasons),
                "reporters": sorted(failure.reporters),
            }
            for failure in summary.failures
        ],
        "reports": [_report_as_json(each) for each in summary.reports],
    }


def _report_as_json(received: ReceivedReport) -> dict[str, Any]:
    report = received.report
    return {
        "organization": report.organization,
        "contact": report.contact,
        "signer": received.signer,
        "id": report.report_id,
        "begin": report.begin,
        "end": report.end,
        "policies": [_result_as_json(result) for result in report.results],
    }


def _result_as_json(result: PolicyResult) -> dict[str, Any]:
    policy = result.policy
    return {
        "type": str(policy.kind),
        "domain": policy.domain,
        "policy": list(policy.lines),
        "mx": list(policy.mx),
        "successes": result.successes,
        "failures": result.failures,
        "details": [
            {
                "result": each.result,
                "sessions": each.count,
                "mx": each.mx,
                "ip": each.ip,
                "from": each.own_ip,
                "reason": each.reason,
                "more": each.more,
            }
            for each in result.details
        ],
    }
