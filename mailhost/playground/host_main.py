"""Runs a host of the playground, and ends it when the playground has ended in whatever way.

The playground keeps the other end of the standard input: it is closed when that process is gone.
"""

from __future__ import annotations

import os
import signal
import sys
from threading import Thread


def main() -> None:
    """Run the host whose settings file is the argument of the process."""
    Thread(target=_end_with_playground, daemon=True).start()
    sys.argv[1:] = ["--nodaemon", "--pidfile=", "mailhost", "--config", sys.argv[1]]
    from twisted.scripts.twistd import run

    run()


def _end_with_playground() -> None:
    while os.read(0, 4096):  # not by sys.stdin, whose lock would hold up the end of the process
        pass
    os.kill(os.getpid(), signal.SIGTERM)
