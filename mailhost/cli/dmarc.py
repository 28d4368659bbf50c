"""`mailhost dmarc`: what others report about a domain, and the next step of its policy."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from mailhost.cli.context import DOMAIN, config_option, load_settings
from mailhost.cli.table import plain, print_json, print_table

if TYPE_CHECKING:
    from mailhost.config.model import Settings
    from mailhost.dmarc_reports.ladder import Advice
    from mailhost.dmarc_reports.summary import ReportSummary, Source
    from mailhost.interfaces.reactor import IReactor

MOST_NAMES = 50  # addresses that are looked up
NAMES_LIMIT = 5.0  # seconds for all of them
_SHOWN = 30  # sources in the table


@click.command("dmarc", short_help="Show what other hosts report about a domain (DMARC).")
@click.argument("name", metavar="DOMAIN", type=DOMAIN)
@click.option("--days", default=30, show_default=True, help="Reports of this many last days.")
@click.option("--names/--no-names", default=True, help="Look up the names of the addresses.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def command(name: str, days: int, names: bool, as_json: bool, config: str | None) -> None:
    """Show by each address that sends mail of DOMAIN how much of it passes SPF, DKIM and DMARC, and
    the next step of the DMARC policy: none, quarantine, reject."""
    from mailhost.aggregate_reports.report import DAY
    from mailhost.application.privileges import as_owner
    from mailhost.dmarc_reports.ladder import advise
    from mailhost.dmarc_reports.received import results_about
    from mailhost.dmarc_reports.summary import summarize

    loaded = load_settings(config)
    data = loaded.settings.data
    with as_owner(data):
        found = results_about(data, name, time.time() - days * DAY)
    summary = summarize(name, found)
    wanted = [source.address for source in summary.sources[:MOST_NAMES]]
    known = _names(loaded.settings, wanted) if names else {}
    advice = advise(summary)
    if as_json:
        print_json(_as_json(summary, advice, known))
        return
    _print(summary, advice, known, name in loaded.settings.report_addresses)


def _print(summary: ReportSummary, advice: Advice, names: dict[str, str], collected: bool) -> None:
    published = summary.published
    if published is None:
        click.echo(f"no reports about {summary.domain}")
        if not collected:
            click.echo(
                "set dmarc_reports to an address in the table of the domain, or in [dmarc] reports,"
                " and publish it as rua in the DMARC record"
            )
        return
    click.echo(
        f"{summary.domain}  {_day(summary.begin)} to {_day(summary.end)}, "
        f"{summary.messages} messages, reported by {plain(', '.join(summary.reporters[:10]))}"
    )
    testing = ", only tested (t=y)" if published.testing else ""
    click.echo(f"policy  p={published.policy}{testing}\n")
    columns = ("address", "name", "messages", "SPF", "DKIM", "DMARC", "passes as")
    rows = [_columns(source, names) for source in summary.sources[:_SHOWN]]
    print_table(columns, rows, "", cut=("name", "passes as"))
    if len(summary.sources) > _SHOWN:
        click.echo(f"and {len(summary.sources) - _SHOWN} more addresses; --json has all")
    click.echo()
    if advice.policy:
        click.echo(f"next step  p={advice.policy}: {'now' if advice.ready else 'not yet'}")
    for reason in advice.reasons:
        click.echo(f"  {plain(reason)}")


def _columns(source: Source, names: dict[str, str]) -> Sequence[object]:
    return (
        source.address,
        names.get(source.address, ""),
        source.messages,
        _share(source.spf, source),
        _share(source.dkim, source),
        _share(source.passed, source),
        ", ".join(domain for domain, _ in source.domains.most_common(3)),
    )


def _share(count: int, source: Source) -> str:
    if count in (0, source.messages):
        return "pass" if count else "fail"
    return f"{100 * count // source.messages} %"


def _day(seconds: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))


def _names(settings: Settings, addresses: Sequence[str]) -> dict[str, str]:
    """Look up the names of addresses, as far as DNS answers in time. The demo asks nothing."""
    from mailhost.cli.asynchronous import run_on_reactor
    from mailhost.net.dns.names import names_of
    from mailhost.net.dns.resolver import Resolver

    async def ask(reactor: IReactor) -> dict[str, str]:
        return await names_of(addresses, Resolver(reactor, settings.dns), reactor, NAMES_LIMIT)

    return run_on_reactor(ask) if addresses and settings.demo is None else {}


def _as_json(summary: ReportSummary, advice: Advice, names: dict[str, str]) -> dict[str, Any]:
    published = summary.published
    return {
        "domain": summary.domain,
        "begin": summary.begin,
        "end": summary.end,
        "reporters": list(summary.reporters),
        "policy": published.policy if published else None,
        "testing": published.testing if published else None,
        "messages": summary.messages,
        "sources": [
            {
                "address": source.address,
                "name": names.get(source.address),
                "messages": source.messages,
                "spf": source.spf,
                "dkim": source.dkim,
                "passed": source.passed,
                "refused": source.refused,
                "domains": dict(source.domains),
                "reporters": sorted(source.reporters),
                "overrides": dict(source.overrides),
            }
            for source in summary.sources
        ],
        "next": {"policy": advice.policy, "ready": advice.ready, "reasons": list(advice.reasons)},
    }
