"""What `twistd mailhost` sees: its options, and the service that they make."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from twisted.application.service import IService
from twisted.python import usage

from mailhost import __version__
from mailhost.application.host import Host
from mailhost.config.load import BadSettings, load
from mailhost.observe.lines import LineLog

DEFAULT_CONFIG = "/etc/mailhost/mailhost.toml"


class Options(usage.Options):
    """`twistd [twistd's own options] mailhost [these]`."""

    synopsis = "[options]"
    longdesc = (
        "Host mail for several domains. `mailhost init` writes a settings file to start from."
    )
    optParameters = [
        ["config", "c", os.environ.get("MAILHOST_CONFIG", DEFAULT_CONFIG), "The settings file."]
    ]

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(f"mailhost {__version__}")  # noqa: T201 - this is what was asked for
        sys.exit(0)


def makeService(options: Options) -> IService:
    """Return the whole host as one service. Exits with the problems where settings are wrong."""
    from twisted.internet import reactor

    try:
        loaded = load(options["config"])
    except BadSettings as bad:
        sys.exit(f"mailhost: {bad}")
    # a wall clock that is set back must not stall every timer
    reactor.seconds = time.monotonic  # type: ignore[method-assign]  # there is no other way
    return Host(reactor, loaded, _own_log(options, reactor))


def _own_log(options: Options, reactor: object) -> LineLog | None:
    """The log where twistd would write to standard output; whoever asks for another gets that."""
    wanted: Mapping[str, Any] = options.parent or {}
    to_output = wanted.get("nodaemon") and wanted.get("logfile") in (None, "-")
    if not to_output or wanted.get("logger") or wanted.get("syslog"):
        return None
    return LineLog(reactor, sys.stdout)
