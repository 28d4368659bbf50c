"""The plugin's part of `twistd mailhost`: its options, and the service that they make.

Signals are handled as soon as the options are made. The imports that take long come after that.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from twisted.application.service import IService
from twisted.python import usage

from mailhost import __version__
from mailhost.application.signals import EarlySignals

if TYPE_CHECKING:
    from mailhost.interfaces.reactor import IReactor
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

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.signals = EarlySignals()
        self.signals.take()

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(f"mailhost {__version__}")  # noqa: T201 - this is what was asked for
        sys.exit(0)


def makeService(options: Options) -> IService:
    """Return the whole host as one service. Exits with the problems where settings are wrong."""
    from twisted.internet import reactor

    from mailhost.application.host import Host
    from mailhost.config.load import BadSettings, load

    try:
        loaded = load(options["config"])
    except BadSettings as bad:
        sys.exit(f"mailhost: {bad}")
    unsafe = _unsafe_file(options.parent or {})
    if unsafe:
        sys.exit(f"mailhost: {unsafe}")
    if options.signals.stop_asked:
        sys.exit(0)
    # a wall clock that is set back must not stall every timer
    reactor.seconds = time.monotonic  # type: ignore[method-assign]  # there is no other way
    return Host(cast("IReactor", reactor), loaded, _own_log(options, reactor), options.signals)


def _unsafe_file(wanted: Mapping[str, Any]) -> str:
    """Return the file that twistd would write as root where others could have put a link, with the
    remedy; empty for none. twistd makes its pid file and its log before the change of user."""
    from mailhost.application.privileges import only_roots

    if os.geteuid() != 0:
        return ""
    for option, path in _files_of_twistd(wanted):
        folder = os.path.dirname(os.path.abspath(path))
        if not only_roots(folder):
            text = f"as root twistd would write {path} in {folder}, which others can change"
            return f"{text}; say --{option}= with a path elsewhere, or start in another folder"
    return ""


def _files_of_twistd(wanted: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The files that twistd writes itself: the option that names each, and its path."""
    pidfile = wanted.get("pidfile")
    if pidfile:
        yield "pidfile", os.path.join(wanted.get("rundir") or "", pidfile)
    logfile = wanted.get("logfile") or ("-" if wanted.get("nodaemon") else "twistd.log")
    if logfile != "-" and not wanted.get("syslog"):
        yield "logfile", logfile


def _own_log(options: Options, reactor: object) -> LineLog | None:
    """The log where twistd would write to standard output; None if another log was asked for."""
    wanted: Mapping[str, Any] = options.parent or {}
    to_output = wanted.get("nodaemon") and wanted.get("logfile") in (None, "-")
    if not to_output or wanted.get("logger") or wanted.get("syslog"):
        return None
    from mailhost.observe.lines import LineLog

    return LineLog(reactor, sys.stdout)
