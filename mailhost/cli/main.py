"""The entry point of the `mailhost` command.

Only the module of the command in use is imported, so that each command starts quickly. An error is
reported in one line, with exit code 1. If MAILHOST_TRACEBACK is set, bugs print a traceback.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from mailhost import __version__
from mailhost.cli.fault_text import fault_text

_GROUPS = {
    "init": "mailhost.cli.init",
    "check-config": "mailhost.cli.check_config",
    "run": "mailhost.cli.run",
    "reload": "mailhost.cli.reload",
    "status": "mailhost.cli.status",
    "hash-password": "mailhost.cli.hash_password",
    "domain": "mailhost.cli.domain",
    "dns": "mailhost.cli.dns",
    "account": "mailhost.cli.account",
    "alias": "mailhost.cli.alias",
    "dmarc": "mailhost.cli.dmarc",
    "tls-report": "mailhost.cli.tls_report",
    "dkim": "mailhost.cli.dkim",
    "certificates": "mailhost.cli.certificates",
    "export": "mailhost.cli.export",
    "queue": "mailhost.cli.queue",
    "relay": "mailhost.cli.relay",
    "trace": "mailhost.cli.trace",
    "filters": "mailhost.cli.filters",
    "explain": "mailhost.cli.explain",
    "login": "mailhost.cli.login",
    "mail": "mailhost.cli.mail",
    "mailbox": "mailhost.cli.mailbox",
    "web": "mailhost.cli.web",
    "doctor": "mailhost.cli.doctor",
    "playground": "mailhost.cli.playground",
}


class LazyGroup(click.Group):
    """A group of commands. Each is the object `command` of a module, which is imported on
    demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order in which a new user needs them."""
        return list(_GROUPS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, None if there is no command of this name."""
        if cmd_name not in _GROUPS:
            return None
        command = import_module(_GROUPS[cmd_name]).command
        assert isinstance(command, click.Command)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mailhost")
def mailhost() -> None:
    """Host the mail of several domains.

    `mailhost init` makes a settings file, `mailhost run` starts the host.
    """


def main() -> None:
    """Run the command line.

    Exits with 0, with 1 if the command fails, or with 2 for wrong usage. A command for which 1 and
    2 are results exits with 3 instead.
    """
    try:
        mailhost(prog_name="mailhost")
    except Exception as error:  # noqa: BLE001 - reported in a line
        sys.exit(f"Error: {fault_text(error)}")
