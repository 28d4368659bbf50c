"""`mailhost run`: runs the host in the foreground, as `twistd -n mailhost` does."""

from __future__ import annotations

import signal
import sys

import click

from mailhost.cli.context import config_option, find_settings


@click.command("run", short_help="Run the host in the foreground.")
@config_option
def command(config: str | None) -> None:
    """Run the host in the foreground, until Ctrl-C or SIGTERM. It logs to standard output.

    This is `twistd --nodaemon --pidfile= mailhost --config FILE`; call twistd yourself for a log
    file, a pid file or the background.
    """
    # until the host sets its own handlers: a reload is not needed yet, and Ctrl-C prints no
    # traceback
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    path = find_settings(config)
    sys.argv = [sys.argv[0], "--nodaemon", "--pidfile=", "mailhost", "--config", path]
    from twisted.scripts.twistd import run

    run()
