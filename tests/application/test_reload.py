"""The steps of a reload, in order, and what happens when one of them fails."""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.trial.unittest import SynchronousTestCase

from mailhost.application import reload as reload_module
from mailhost.application.filters import BadFilter
from mailhost.application.reload import Reload, ReloadResult
from mailhost.config.load import BadSettings, Loaded
from mailhost.config.model import Settings
from mailhost.config.problems import Problem
from mailhost.config.secrets import Secrets
from mailhost.net.control.server import CommandRefused
from mailhost.net.tls.server import BadCertificate
from tests.fakes import RecordingEvents, now


def loaded(hostname: str) -> Loaded:
    settings = Settings(version=1, hostname=hostname, data="/nowhere")
    return Loaded(settings, Secrets({}), "/etc/mailhost.toml")


OLD, NEW = loaded("old.example"), loaded("new.example")
REFUSED = "reload refused, the old settings go on"
STEPS = [
    "RELOADING=1",
    "load",
    "open",
    "open metrics",
    "replace",
    "use",
    "serve",
    "assign_workers",
    "reloaded",
    "close_removed",
    "READY=1",
]


class ReloadTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.events, self.steps = RecordingEvents(), list[str]()
        self.failing: dict[str, BaseException] = {}
        self.loaded = NEW
        self.reloaded: Deferred[None] = Deferred()
        self.closed: Deferred[None] = succeed(None)
        self.patch(reload_module, "load", lambda path: self.step("load", self.loaded))
        head: Any = SimpleNamespace(
            loaded=OLD,
            events=self.events,
            foundation=SimpleNamespace(in_thread=maybeDeferred, tls=SimpleNamespace(pem=("a",))),
            services=None,
            replace=lambda new: self.step("replace"),
            assign_workers=lambda: self.step("assign_workers"),
            workers=SimpleNamespace(reloaded=lambda: self.step("reloaded", self.reloaded)),
        )
        listeners: Any = SimpleNamespace(
            open=lambda foundation, settings: self.step("open", [self]),
            use=lambda opened, settings: self.step("use"),
            serve=lambda services: self.step("serve"),
            close_removed=lambda: self.step("close_removed", self.closed),
        )
        notifier: Any = SimpleNamespace(
            reloading=lambda: self.steps.append("RELOADING=1"),
            reloaded=lambda: self.steps.append("READY=1"),
        )
        metrics: Any = SimpleNamespace(opened=self.metrics_opened)
        self.reload = Reload(head, listeners, metrics, notifier)
        self.head = head

    @contextmanager
    def metrics_opened(self, settings: object) -> Iterator[None]:
        self.step("open metrics")
        yield

    async def close(self) -> None:
        """This test stands for the listener that was opened."""
        self.steps.append("close")

    def step(self, name: str, result: Any = None) -> Any:
        self.steps.append(name)
        if name in self.failing:
            raise self.failing[name]
        return result

    def test_it_ends_when_all_workers_have_the_new_settings(self) -> None:
        running = self.reload.run()
        self.assertEqual(STEPS[:-2], self.steps)
        self.assertNoResult(running)
        self.reloaded.callback(None)
        self.assertEqual(ReloadResult(), self.successResultOf(running))
        self.assertEqual(STEPS, self.steps)
        self.assertIn("reloaded: hostname", self.events.lines[-1])

    def test_removed_listeners_are_closed_when_it_ends(self) -> None:
        """Else the next reload could not open them again."""
        self.closed = Deferred()
        running = self.reload.run()
        self.reloaded.callback(None)
        self.assertNoResult(running)
        self.closed.callback(None)
        self.assertEqual(ReloadResult(), self.successResultOf(running))

    def test_those_asked_for_while_one_is_under_way_become_one_after_it(self) -> None:
        first, *others = [self.reload.run() for _ in range(200)]
        self.assertEqual(1, self.steps.count("load"))
        self.failing = {"load": OSError("disk full")}
        self.reloaded.callback(None)
        self.assertEqual(ReloadResult(), self.successResultOf(first))
        for other in others:
            self.assertEqual(("disk full",), self.successResultOf(other).problems)
        self.assertEqual([*STEPS, *STEPS[:2], "READY=1"], self.steps)

    def test_each_fault_refuses_it_as_a_whole(self) -> None:
        problem = Problem("hostname", "is missing")
        for step, error, text, more in (
            ("load", BadSettings("/etc/mailhost.toml", [problem]), "hostname: is missing", []),
            ("open", CannotListenError("::", 25, OSError("in use")), "cannot listen on", []),
            ("open metrics", CannotListenError("::", 25, "used"), "cannot listen on", ["close"]),
            ("replace", BadFilter("filter[1]: no file"), "filter[1]: no file", ["close"]),
            ("replace", BadCertificate("no key"), "no key", ["close"]),
            ("replace", OSError("disk full"), "disk full", ["close"]),
        ):
            self.steps.clear()
            self.failing = {step: error}
            (found,) = self.successResultOf(self.reload.run()).problems
            self.assertIn(text, found)
            self.assertEqual(f"{REFUSED}: {found}", self.events.lines[-1])
            expected = [*STEPS[: STEPS.index(step) + 1], *more, "READY=1"]
            self.assertEqual(expected, self.steps)

    def test_a_bug_is_answered_too_and_leaves_no_listener_open(self) -> None:
        for error in (ZeroDivisionError("bug"), KeyboardInterrupt(), CancelledError()):
            self.steps.clear()
            self.failing = {"replace": error}
            (found,) = self.successResultOf(self.reload.run()).problems
            self.assertIn(f"internal fault: {type(error).__name__}", found)
            self.assertEqual([*STEPS[:5], "close", "READY=1"], self.steps)
            self.assertEqual(1, len(self.flushLoggedErrors(type(error))))
        self.failing = {}
        self.reload.run()
        self.assertEqual("reloaded", self.steps[-1])

    def test_the_log_says_whether_certificates_changed(self) -> None:
        self.loaded = OLD
        self.reloaded.callback(None)
        self.reload.run()
        self.assertEqual("reloaded: nothing changed", self.events.lines[-1])

        def renew(new: Loaded) -> None:
            self.head.foundation.tls.pem = ("b",)

        self.head.replace = renew
        self.reload.run()
        self.assertEqual("reloaded: other certificates are in use", self.events.lines[-1])
        self.loaded = NEW
        self.head.foundation.tls.pem = ("a",)
        self.reload.run()
        text = "is now new.example; other certificates are in use"
        self.assertIn(text, self.events.lines[-1])

    def test_a_host_that_stops_refuses_it(self) -> None:
        first, second = self.reload.run(), self.reload.run()
        self.reload.stop()
        self.reloaded.callback(None)
        self.assertEqual(ReloadResult(), self.successResultOf(first))
        for refused in (second, self.reload.run()):
            self.assertEqual(("the host is stopping",), self.successResultOf(refused).problems)
        self.assertEqual(1, self.steps.count("load"))

    def test_a_host_that_stops_while_the_file_is_read_changes_nothing(self) -> None:
        read: Deferred[Any] = Deferred()
        self.head.foundation.in_thread = lambda work: read
        running = self.reload.run()
        self.reload.stop()
        read.callback(NEW)
        self.assertEqual(("the host is stopping",), self.successResultOf(running).problems)
        self.assertNotIn("open", self.steps)

    def test_the_command_fails_with_the_problems(self) -> None:
        self.failing = {"replace": BadFilter("filter[1]: no file")}
        failure = self.failureResultOf(
            Deferred.fromCoroutine(self.reload.command()), CommandRefused
        )
        self.assertEqual("filter[1]: no file", failure.getErrorMessage())
        self.failing = {}
        self.reloaded.callback(None)
        self.assertEqual([], now(self.reload.command()))

    def test_the_command_names_what_takes_effect_at_the_next_start(self) -> None:
        settings = NEW.settings.model_copy(update={"user": "mail", "data": "/elsewhere"})
        self.loaded = replace(NEW, settings=settings)
        self.reloaded.callback(None)
        self.assertEqual(
            [
                "data: /nowhere is now /elsewhere; takes effect at the next start",
                'user: "" is now mail; takes effect at the next start',
            ],
            now(self.reload.command()),
        )

    def test_the_command_for_another_file_is_refused(self) -> None:
        self.reloaded.callback(None)
        refused = Deferred.fromCoroutine(self.reload.command("/etc/other.toml"))
        text = self.failureResultOf(refused, CommandRefused).getErrorMessage()
        self.assertIn("the host uses /etc/mailhost.toml, not /etc/other.toml", text)
        self.assertEqual([], self.steps)
        now(self.reload.command("/etc/../etc/mailhost.toml"))
        self.assertEqual(STEPS, self.steps)
