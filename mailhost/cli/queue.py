"""`mailhost queue`: the queue of the running host."""

from __future__ import annotations

import time
from typing import Any

import click

from mailhost.cli.context import Fail, ask, config_option
from mailhost.cli.table import plain, print_json, print_table, size, span


@click.group("queue", short_help="Show the mail in the queue, and change it.")
def command() -> None:
    """Show, retry, hold, release and remove messages in the queue."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def list_(as_json: bool, config: str | None) -> None:
    """List the messages in the queue, one on each line.

    `queue show ID` prints why a message waits.
    """
    entries = ask(config, "queue.list", all=True)
    if as_json:
        print_json(entries)
        return
    rows = [
        (
            entry["id"],
            _ago(entry["arrived"]),
            _next(entry),
            size(entry["size"]),
            entry["sender"] or "<>",
            ", ".join(str(recipient["address"]) for recipient in entry["recipients"]),
        )
        for entry in entries
    ]
    columns = ("id", "arrived", "next try", "size", "from", "to")
    print_table(columns, rows, "the queue is empty", cut=("from", "to"))


@command.command(short_help="Show messages in full, with the last reply for each recipient.")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@config_option
def show(ids: tuple[str, ...], as_json: bool, config: str | None) -> None:
    """Show messages in full: each recipient, with the last reply or error."""
    entries = ask(config, "queue.show", ids=list(ids))
    entries = entries if isinstance(entries, list) else [entries]
    if as_json:
        print_json(entries)
        return
    for entry in entries:
        _print_entry(entry)


_KNOWN = ("id", "state", "sender", "arrived", "next_attempt", "size", "recipients")
_TIMES = ("last_attempt",)


def _print_entry(entry: dict[str, Any]) -> None:
    click.echo(f"{entry['id']}  {entry['state']}")
    _print_field("from", entry["sender"] or "<>")
    _print_field("arrived", _at(entry["arrived"]))
    _print_field("next attempt", _at(entry["next_attempt"]))
    _print_field("size", size(entry["size"]))
    for recipient in entry["recipients"]:
        said = f"\n{recipient['status']}" if recipient.get("status") else ""
        _print_field("to", f"{recipient['address']}: {recipient['state']}{said}")
    for name, value in entry.items():
        if name not in _KNOWN and value:
            _print_field(name.replace("_", " "), _at(value) if name in _TIMES else value)


def _print_field(name: str, value: object) -> None:
    lines = [plain(line) for line in str(value).expandtabs().splitlines()] or [""]
    click.echo(f"  {name:<13} {lines[0]}")
    for line in lines[1:]:
        click.echo(f"{'':<16}{line}")


@command.command()
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All messages in the queue.")
@config_option
def retry(ids: tuple[str, ...], every: bool, config: str | None) -> None:
    """Try to deliver messages now."""
    _change(config, "queue.retry", ids, every, "tried again")


@command.command()
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All messages in the queue.")
@config_option
def hold(ids: tuple[str, ...], every: bool, config: str | None) -> None:
    """Keep messages in the queue until they are released."""
    _change(config, "queue.hold", ids, every, "held")


@command.command()
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All messages in the queue.")
@config_option
def release(ids: tuple[str, ...], every: bool, config: str | None) -> None:
    """Release held or quarantined messages for delivery."""
    _change(config, "queue.release", ids, every, "released")


@command.command()
@click.argument("ids", metavar="ID...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All messages in the queue.")
@click.option("--bounce", is_flag=True, help="Send bounces to the senders.")
@config_option
def remove(ids: tuple[str, ...], every: bool, bounce: bool, config: str | None) -> None:
    """Remove messages. Their senders get no report, unless --bounce is given."""
    more = {"bounce": True} if bounce else {}
    _change(config, "queue.remove", ids, every, "removed", **more)


def _change(
    config: str | None, name: str, ids: tuple[str, ...], every: bool, done: str, **more: bool
) -> None:
    if bool(ids) == every:
        raise Fail("name messages by their ids, or add --all")
    arguments: dict[str, Any] = {"all": True} if every else {"ids": list(ids)}
    result = ask(config, name, **arguments, **more)
    count = len(result) if isinstance(result, list) else result
    if isinstance(count, int):
        click.echo(f"{count} {'message' if count == 1 else 'messages'} {done}")
    else:
        click.echo(done)


def _next(entry: dict[str, Any]) -> str:
    """The time until the next attempt of a message that waits; the state of any other."""
    return _ahead(entry["next_attempt"]) if entry["state"] == "waiting" else str(entry["state"])


def _ago(at: float | None) -> str:
    return "" if at is None else f"{span(time.time() - at)} ago"


def _ahead(at: float | None) -> str:
    if at is None:
        return ""
    wait = at - time.time()
    return "now" if wait <= 0 else f"in {span(wait)}"


def _at(at: float | None) -> str:
    if at is None:
        return "-"
    when = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(at))
    return f"{when} ({_ahead(at) if at > time.time() else _ago(at)})"
