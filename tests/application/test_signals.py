"""Signals that come before the host is ready."""

from __future__ import annotations

import os
import signal

from twisted.trial.unittest import SynchronousTestCase

from mailhost.application.signals import STOPPING, EarlySignals


class Early(SynchronousTestCase):
    def setUp(self) -> None:
        for number in (signal.SIGHUP, *STOPPING):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        self.signals = EarlySignals()
        self.signals.take()

    def test_none(self) -> None:
        self.assertFalse(self.signals.stop_asked)
        self.assertFalse(self.signals.reload_asked)

    def test_a_hangup_is_remembered(self) -> None:
        signal.raise_signal(signal.SIGHUP)
        self.assertTrue(self.signals.reload_asked)
        self.assertFalse(self.signals.stop_asked)

    def test_a_stop_is_remembered(self) -> None:
        for number in STOPPING:
            self.signals = EarlySignals()
            self.signals.take()
            signal.raise_signal(number)
            self.assertTrue(self.signals.stop_asked)

    def test_a_second_stop_ends_it_at_once(self) -> None:
        sent: list[tuple[int, int]] = []
        self.patch(os, "kill", lambda *given: sent.append(given))
        for _ in range(2):
            signal.raise_signal(signal.SIGTERM)
        self.assertEqual([(os.getpid(), signal.SIGTERM)], sent)
        self.assertEqual(signal.SIG_DFL, signal.getsignal(signal.SIGTERM))

    def test_once_it_listens_a_hangup_is_a_reload(self) -> None:
        reloads: list[None] = []
        self.signals.hand_over()
        self.signals.listen(lambda: reloads.append(None))
        signal.raise_signal(signal.SIGHUP)
        self.assertEqual([None], reloads)
        self.assertEqual(signal.default_int_handler, signal.getsignal(signal.SIGINT))
