"""What `twistd mailhost` sees: its options, and the service that they make."""

from __future__ import annotations

import os
import sys
import time

from twisted.application.service import IService
from twisted.python import usage

from mailhost import __version__
from mailhost.application.host import Host
from mailhost.config.load import BadSettings, load

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
    return Host(reactor, loaded)
