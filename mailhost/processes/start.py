"""Starts each child process of the head, and ignores the signals that are for the head alone.

`python -m mailhost.processes.start MODULE [ARGUMENT]...` runs the `main` of a module. The signals
are ignored before the module is imported: its import takes up to a second, and a SIGHUP to the
process group, or a terminal's Ctrl-C, may come meanwhile.
"""

from __future__ import annotations

import signal
import sys
from importlib import import_module

MODULE = "mailhost.processes.start"


def main() -> None:
    """Ignore these signals, then run the module that the arguments name."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    module = sys.argv.pop(1)
    import_module(module).main()


if __name__ == "__main__":
    main()
