"""`mailhost doctor`: finds out why mail does not flow."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

import click

from mailhost.cli.context import Fail, ask, config_option
from mailhost.cli.doctor_check import check
from mailhost.cli.doctor_send import send
from mailhost.cli.table import plain, print_json, terminal_width
from mailhost.message.client import plain_address

if TYPE_CHECKING:
    from mailhost.doctor.replies.explain import Explained

_INDENT = 13  # columns of a label of `reply`


class _CheckByDefault(click.Group):
    """A group whose first argument is a TARGET if it is none of the commands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Name the command `check` where none is named, or `send` with the option --send."""
        if any(each.partition("=")[0] == "--send" for each in args):
            args = ["send", *(each.removeprefix("--send=") for each in args if each != "--send")]
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["check", *args]
        return super().parse_args(ctx, args)


@click.group(
    "doctor",
    cls=_CheckByDefault,
    short_help="Find out why mail does not flow.",
    options_metavar="",
    subcommand_metavar="[TARGET] [OPTIONS] | --send ADDRESS | reply TEXT | looked ADDRESS",
)
def command() -> None:
    """Find out why mail does not flow: examine this host, or TARGET (a domain, a host[:port], or a
    mail address). `mailhost doctor check --help` has the options."""


command.add_command(check)
command.add_command(send)


@command.command(short_help="Relay again for an address that was noticed.")
@click.argument("address")
@config_option
def looked(address: str, config: str | None) -> None:
    """Forget what was noticed about the client address ADDRESS, and relay for it again.

    Call it once you have looked why strangers seem to arrive from that address. If they still do,
    the address is noticed again.
    """
    try:
        plain_ip = str(plain_address(address))
    except ValueError as error:
        raise Fail(f"{address!r} is no IP address") from error
    ask(config, "clients.looked", address=plain_ip)
    click.echo(f"nothing is noticed about {plain_ip} any more, and nothing is stopped for it")


@command.command(short_help="Explain the reply of a mail server.")
@click.argument("text", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def reply(text: tuple[str, ...], as_json: bool) -> None:
    """Explain the reply of a mail server: its meaning, the person who has to act, and the
    remedy.

    TEXT is the reply as it stands in the log or in a bounce, with its codes; without it, the
    reply is read from standard input.
    """
    from mailhost.doctor.replies.explain import explain

    given = " ".join(text) or sys.stdin.read(10_000)
    if not given.strip():
        raise Fail('there is no reply to explain: mailhost doctor reply "550 5.1.1 No such user"')
    found = explain(given)
    if as_json:
        print_json(_as_json(found))
        return
    for label, value in _lines(found):
        if value:
            click.echo(_folded(f"{label + ':':<{_INDENT}}", plain(value)))


def _folded(start: str, text: str) -> str:
    """Return a text in lines that fit the terminal, if there is one."""
    width = terminal_width()
    if width is None or width < 2 * _INDENT:
        return start + text
    indent = " " * _INDENT
    return textwrap.fill(text, width, initial_indent=start, subsequent_indent=indent)


def _lines(found: Explained) -> list[tuple[str, str]]:
    said, known, advice = found.reply, found.known, found.advice
    code = f"{said.code}: {found.code.meaning}" if found.code else ""
    enhanced = f"{said.enhanced}: {found.enhanced.meaning}" if found.enhanced else ""
    receiver = known.receiver if known else ""
    return [
        ("code", code),
        ("enhanced", enhanced),
        ("reply of", receiver),
        ("meaning", "" if advice in (found.code, found.enhanced) else advice.meaning),
        ("try again", _again(found)),
        ("responsible", advice.actor),
        ("remedy", advice.remedy),
        ("more", known.link if known else ""),
    ]


def _again(found: Explained) -> str:
    if found.reply.temporary:
        return "yes, the queue does so by itself until the message expires"
    return "no, the same message is refused again" if found.reply.permanent else ""


def _as_json(found: Explained) -> dict[str, object]:
    said, known, advice = found.reply, found.known, found.advice
    return {
        "code": said.code or None,
        "enhanced": said.enhanced or None,
        "text": said.text,
        "temporary": said.temporary,
        "permanent": said.permanent,
        "receiver": known.receiver if known else None,
        "meaning": advice.meaning,
        "actor": advice.actor,
        "remedy": advice.remedy,
        "link": (known.link if known else "") or None,
    }
