"""When the host reports that it is ready; no reactor runs."""

from __future__ import annotations

import gc
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.application.host import READING_LIMIT, Host
from mailhost.config.load import Loaded
from mailhost.config.model import Settings
from mailhost.config.secrets import Secrets
from tests.fakes import RecordingEvents

SETTINGS = Settings(version=1, hostname="mx.example.com", data="/nowhere")
READY = "mx.example.com is ready, its data in /nowhere"


class FakeSignals:
    """Signals that came during the start, and what a later SIGHUP calls."""

    stop_asked = reload_asked = False
    on_hangup: Callable[[], object] | None = None

    def listen(self, reload: Callable[[], object]) -> None:
        self.on_hangup = reload


class ReadyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(gc, "freeze", lambda: None)
        self.clock, self.events, self.signals = Clock(), RecordingEvents(), FakeSignals()
        self.states: list[str] = []
        self.reloads = 0
        loaded = Loaded(SETTINGS, Secrets({}), "/etc/mailhost.toml")
        host: Any = Host(cast(Any, self.clock), loaded, None, cast(Any, self.signals))
        host._events = self.events
        host._listeners = SimpleNamespace(addresses=lambda: ["smtp on [::]:25"])
        host._notifier = SimpleNamespace(
            ready=lambda: self.states.append("READY=1"),
            stopping=lambda: self.states.append("STOPPING=1"),
        )
        host._reload = SimpleNamespace(
            run=self.reload, stop=lambda: self.states.append("no reload")
        )
        host._queue_read = self.read = Deferred[None]()
        host.running = True
        self.host = host

    def reload(self) -> None:
        self.reloads += 1

    def test_it_is_ready_when_the_queue_has_been_read(self) -> None:
        self.host._now_running()
        self.assertEqual((["listening for smtp on [::]:25"], []), (self.events.lines, self.states))
        self.read.callback(None)
        self.assertEqual((READY, ["READY=1"]), (self.events.lines[-1], self.states))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_a_queue_that_takes_long_delays_it_for_some_time_only(self) -> None:
        """Else the service manager would take the start for failed, and kill the host."""
        self.host._now_running()
        self.clock.advance(READING_LIMIT)
        line = f"{READY}; the queue is still being read"
        self.assertEqual((line, ["READY=1"]), (self.events.lines[-1], self.states))
        self.read.callback(None)
        self.assertEqual(["READY=1"], self.states)

    def test_a_hangup_before_that_is_a_reload_after_it(self) -> None:
        self.signals.reload_asked = True
        self.host._now_running()
        self.assertEqual((0, None), (self.reloads, self.signals.on_hangup))
        self.read.callback(None)
        self.assertEqual(1, self.reloads)
        self.assertIn("SIGHUP came before the host was ready", self.events.lines)
        self.assertIsNotNone(self.signals.on_hangup)

    def test_a_host_that_stops_meanwhile_is_never_ready(self) -> None:
        self.host._now_running()
        self.host.running = False
        self.read.callback(None)
        self.assertEqual([], self.states)

    def test_a_stop_ends_reloads_first(self) -> None:
        self.host._listeners.close = Deferred
        self.host.stopService()
        self.assertEqual(["no reload", "STOPPING=1"], self.states)
