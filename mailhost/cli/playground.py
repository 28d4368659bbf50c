"""`mailhost playground`: two hosts on this machine with a DNS of their own, to try things and to
break them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mailhost.cli.context import Fail
from mailhost.cli.table import print_table

if TYPE_CHECKING:
    from mailhost.interfaces.reactor import IReactor


@click.group(
    "playground",
    invoke_without_command=True,
    short_help="Start two hosts with a DNS of their own, to try things.",
)
@click.option(
    "--keep",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="A new folder for all files, which stays. Default: one that is removed at the end.",
)
@click.option(
    "--break", "broken", metavar="NAME", help="Begin with this broken; `list` shows the names."
)
@click.pass_context
def command(ctx: click.Context, keep: Path | None, broken: str | None) -> None:
    """Start two mail hosts on loopback addresses, with two domains each and a DNS server of their
    own. They run until Ctrl-C. Nothing outside this machine is contacted.

    `break` breaks one thing, so that `mailhost doctor` finds it; `mend` mends it.
    """
    if ctx.invoked_subcommand is not None:
        return
    _check_name(broken)
    _run(keep, broken)


def _check_name(name: str | None) -> None:
    from mailhost.playground.faults import BY_NAME

    if name is not None and name not in BY_NAME:
        raise Fail(f"{name!r} is no fault of the playground: `mailhost playground list` shows all")


def _run(keep: Path | None, broken: str | None) -> None:
    from twisted.internet.error import CannotListenError

    from mailhost.cli.asynchronous import run_on_reactor
    from mailhost.playground.host_process import HostFailed
    from mailhost.playground.ports import NoPorts
    from mailhost.playground.running import CannotStart

    click.echo("Two hosts start. This takes some seconds.", err=True)
    try:
        run_on_reactor(lambda reactor: _work(reactor, keep, broken))
    except KeyboardInterrupt:
        click.echo("All has ended.", err=True)
    except (CannotListenError, CannotStart, HostFailed, NoPorts) as error:
        raise Fail(str(error)) from error


async def _work(reactor: IReactor, keep: Path | None, broken: str | None) -> None:
    from twisted.internet.defer import Deferred

    from mailhost.playground.banner import banner
    from mailhost.playground.running import Playground

    playground = Playground(reactor, keep, lambda text: click.echo(text, err=True))
    reactor.addSystemEventTrigger(
        "before", "shutdown", lambda: Deferred.fromCoroutine(playground.stop())
    )
    await playground.start()
    if broken:
        await playground.break_one(broken)
    click.echo(banner(playground.network, kept=keep is not None))
    if broken:
        click.echo(_broken_text(broken))
    await Deferred()


@command.command("list", short_help="Show all that can be broken.")
def list_faults() -> None:
    """Show all that can be broken, with the command that finds it."""
    from mailhost.playground.faults import FAULTS

    now = _ask("list", optional=True)
    rows = [
        (
            "broken" if fault.name == now else "",
            fault.name,
            fault.description,
            f"mailhost {fault.command}",
        )
        for fault in FAULTS
    ]
    print_table(("NOW", "NAME", "WHAT IS WRONG", "FOUND BY"), rows, "")


@command.command("break", short_help="Break one thing.")
@click.argument("name")
def break_one(name: str) -> None:
    """Apply the fault NAME to the running playground.

    The fault that was applied before is removed.
    """
    _check_name(name)
    mended = _ask("break", name=name)
    if mended:
        click.echo(f"{mended} is mended.")
    click.echo(_broken_text(name))


@command.command(short_help="Mend what is broken.")
def mend() -> None:
    """Mend what is broken in the playground that runs."""
    mended = _ask("mend")
    click.echo(f"{mended} is mended." if mended else "Nothing is broken.")


def _broken_text(name: str) -> str:
    from mailhost.playground.faults import BY_NAME

    fault = BY_NAME[name]
    return f"{name} is broken: {fault.description}\nThis finds it: mailhost {fault.command}"


def _ask(request: str, optional: bool = False, **arguments: Any) -> Any:
    """Send a request to the playground that runs, and return its answer; None if none runs, where
    that is `optional`. Raises Fail."""
    from mailhost.net.control.client import (
        CommandFailed,
        ControlClient,
        NoHostRunning,
        control_path,
    )
    from mailhost.playground.running import usual_folder

    try:
        return ControlClient(control_path(str(usual_folder()))).call(request, **arguments)
    except NoHostRunning as error:
        if optional:
            return None
        raise Fail("no playground runs; `mailhost playground` starts one") from error
    except CommandFailed as error:
        raise Fail(str(error)) from error
