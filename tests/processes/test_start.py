"""A child process ignores the head's signals before it imports anything of its own."""

from __future__ import annotations

import signal
import sys

from twisted.trial.unittest import SynchronousTestCase

from mailhost.processes import start


class StartTests(SynchronousTestCase):
    def test_the_signals_are_ignored_before_the_module_is_imported(self) -> None:
        calls: list[object] = []

        class Module:
            @staticmethod
            def main() -> None:
                calls.append(list(sys.argv))

        def imported(name: str) -> type[Module]:
            calls.append(name)
            return Module

        self.patch(signal, "signal", lambda *given: calls.append(given))
        self.patch(start, "import_module", imported)
        self.patch(sys, "argv", ["start", "some.module", "/socket"])
        start.main()
        ignored = [(signal.SIGHUP, signal.SIG_IGN), (signal.SIGINT, signal.SIG_IGN)]
        self.assertEqual(calls, [*ignored, "some.module", ["start", "/socket"]])
