"""`mailhost explain`: explains how the running host would treat a message, without sending it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from mailhost.cli.context import Fail, NoHost, ask, config_option, load_settings
from mailhost.cli.table import plain, print_json, text_width

if TYPE_CHECKING:
    from mailhost.interfaces.reactor import IReactor

REFUSED = 1  # the exit code
NOT_RUNNING = "no host runs: the answer is based on the settings file and the data folder"


@click.command("explain", short_help="Explain what the host would do with a message.")
@click.option("--from", "sender", metavar="ADDRESS", required=True, help="The sender; <> for none.")
@click.option("--to", "recipient", metavar="ADDRESS", required=True, help="The recipient.")
@click.option("--client", metavar="IP", default="", help="The client's address.")
@click.option("--user", metavar="ACCOUNT", default="", help="The account that has logged in.")
@click.option(
    "--listener", metavar="PROTOCOL|PORT", default="", help="The listener of the connection."
)
@click.option("--hello", metavar="NAME", default="", help="The client's name in EHLO.")
@click.option(
    "--size", metavar="OCTETS", type=click.IntRange(0), default=0, help="The size of the message."
)
@click.option(
    "--tls",
    type=click.Choice(["required", "optional"]),
    help="The demand of the sender: REQUIRETLS, or TLS-Required: No.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def command(as_json: bool, config: str | None, tls: str | None, **question: Any) -> None:
    """Explain what the host would do with a message: which rules apply, which filters are asked,
    where the recipient leads, and which replies the client would get.

    Nothing is sent, and nothing is counted or stored; only DNS is asked. Without --client the
    client has the address 192.0.2.1, which no real client has; without --listener the client
    connects to port 25, or with --user to a port for mail programs.

    The exit code is 0 if the message would be accepted as far as it is explained, 1 if it would be
    refused for now or for good, or if it cannot be explained, and 2 for wrong usage.
    """
    if tls:
        question["tls"] = tls
    try:
        found = ask(config, "explain", **question)
        running = True
    except NoHost:
        found = _explained_here(config, question)
        running = False
    if as_json:
        print_json({"running": running, **found})
    else:
        _print_text(found, running)
    sys.exit(0 if _is_accepted(found) else REFUSED)


def _print_text(found: dict[str, Any], running: bool) -> None:
    from mailhost.cli.explain_text import explanation_lines

    if not running:
        click.echo(f"Note: {NOT_RUNNING}\n")
    for line in explanation_lines(found, text_width()):
        click.echo(plain(line))


def _is_accepted(found: dict[str, Any]) -> bool:
    """True if the login and each command would succeed."""
    replies = [each["reply"] for each in found["session"]]
    return not found["client"]["login"] and all(reply.startswith("2") for reply in replies)


def _explained_here(config: str | None, question: dict[str, Any]) -> dict[str, Any]:
    from mailhost.application.not_running import become_host_user, explain_not_running
    from mailhost.cli.asynchronous import run_on_reactor
    from mailhost.explain.explanation import CannotExplain

    loaded = load_settings(config)

    async def run(reactor: IReactor) -> dict[str, Any]:
        return await explain_not_running(reactor, loaded, **question)

    try:
        become_host_user(loaded)
        return run_on_reactor(run)
    except CannotExplain as error:
        raise Fail(str(error)) from error
