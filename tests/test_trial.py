"""Tests that share a host run in one process, one after another."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.trial import GroupedRunner, groups_of

ONE, OTHER, SAME = (SimpleNamespace(group=name) for name in ("one", "other", "one"))


class FakeWorker:
    """A process of trial; each test runs until `running` is fired."""

    def __init__(self) -> None:
        self.cases: list[Any] = []
        self.running: Deferred[None] = Deferred()

    async def run(self, case: Any, result: Any) -> None:
        self.cases.append(case)
        self.running = Deferred()
        await self.running


class GroupTests(SynchronousTestCase):
    def test_tests_without_a_group_are_in_that_of_their_module(self) -> None:
        groups = groups_of([ONE, OTHER, SAME, self, self])
        self.assertEqual([[ONE, SAME], [OTHER], [self, self]], groups)

    def test_those_that_start_hosts_begin_first(self) -> None:
        host = type("HostTests", (), {"__module__": "tests.end_to_end.test_web"})()
        self.assertEqual([[host], [self], [ONE]], groups_of([self, ONE, host]))

    def test_each_process_gets_whole_groups(self) -> None:
        runner = cast(Any, GroupedRunner)(None, 2, [])
        first, second = FakeWorker(), FakeWorker()
        cases = iter([ONE, OTHER, SAME, self])
        for worker in (first, second):
            Deferred.fromCoroutine(runner._driveWorker(None, cases, worker))
        second.running.callback(None)
        first.running.callback(None)
        self.assertEqual(([ONE, SAME], [OTHER, self]), (first.cases, second.cases))
