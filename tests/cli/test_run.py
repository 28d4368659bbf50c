"""`mailhost run`."""

from __future__ import annotations

import os
import signal
import sys

from twisted.scripts import twistd

from mailhost.cli import context
from tests.cli.bench import CommandCase


class RunTests(CommandCase):
    """`mailhost run`; tests/end_to_end/test_demo runs the host with it."""

    def test_it_is_twistd_in_the_foreground(self) -> None:
        ran: list[list[str]] = []
        self.patch(sys, "argv", ["mailhost"])
        self.patch(twistd, "run", lambda: ran.append(sys.argv[1:]))
        self.settings()
        self.run_ok("run")
        options = ["--nodaemon", "--pidfile=", "mailhost", "--config", self.config]
        self.assertEqual(ran, [options])

    def test_ctrl_c_before_the_host_takes_care_ends_it_without_a_traceback(self) -> None:
        numbers = (signal.SIGHUP, signal.SIGINT)
        for number in numbers:
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        seen: list[object] = []
        self.patch(sys, "argv", ["mailhost"])
        self.patch(twistd, "run", lambda: seen.extend(map(signal.getsignal, numbers)))
        self.settings()
        self.run_ok("run")
        self.assertEqual(seen, [signal.SIG_IGN, signal.SIG_DFL])

    def test_no_settings(self) -> None:
        folder = os.getcwd()
        self.addCleanup(os.chdir, folder)
        os.chdir(self.folder)
        self.patch(context, "PLACES", context.PLACES[:1])  # this machine may have settings in /etc
        self.patch(twistd, "run", lambda: self.fail("it was started"))
        self.assertIn("there is no mailhost.toml", self.call("run", MAILHOST_CONFIG="").stderr)
