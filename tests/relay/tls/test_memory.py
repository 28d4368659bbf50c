"""The memory of the best TLS of each host, and its file."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.relay_tls import MemoryRule, RelayTLS
from mailhost.config.section import DAY
from mailhost.relay.tls import memory as module
from mailhost.relay.tls.memory import BestTLS, ExpectedTLS, TLSMemory, read, written
from mailhost.relay.tls.memory_file import NAME, PERIOD, TLSMemoryFile
from tests.fakes import RecordingEvents
from tests.queue.fakes import FakeCommitter, here

TODAY = 20_785  # 2026-11-28
days = st.integers(1, 40_000)
names = st.from_regex(r"[a-z0-9.-]{1,30}", fullmatch=True)
known = st.lists(st.tuples(names, st.builds(BestTLS, days, st.just(0) | days)), max_size=5)


class MemoryCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = TODAY * DAY
        self.memory = TLSMemory(RelayTLS(), lambda: self.now)


class MemoryTests(MemoryCase):
    def test_a_host_that_was_never_seen(self) -> None:
        self.assertIsNone(self.memory.best("mx.x.example"))

    def test_the_best_of_the_last_days_counts(self) -> None:
        self.memory.saw("mx.x.example", verified=True)
        self.now += 20 * DAY
        self.memory.saw("mx.x.example", verified=False)
        self.assertEqual(self.memory.best("mx.x.example"), BestTLS(TODAY + 20, TODAY))
        self.now += 11 * DAY
        self.assertEqual(self.memory.best("mx.x.example"), BestTLS(TODAY + 20))
        self.now += 20 * DAY
        self.assertIsNone(self.memory.best("mx.x.example"))

    def test_the_same_day_changes_nothing(self) -> None:
        self.memory.saw("mx.x.example", verified=True)
        self.memory.everything()
        for verified in (True, False):
            self.memory.saw("mx.x.example", verified)
        self.assertFalse(self.memory.changed)

    def test_a_day_as_text(self) -> None:
        self.assertEqual(BestTLS(TODAY).seen, "2026-11-28")

    def expected(self, rule: MemoryRule) -> ExpectedTLS | None:
        """What mx.x.example is expected to have by this rule."""
        self.memory.settings = RelayTLS(memory=rule)
        return self.memory.expected("mx.x.example")

    def test_rules(self) -> None:
        self.assertIsNone(self.expected(MemoryRule.ENFORCE))
        self.memory.saw("mx.x.example", verified=False)
        best = BestTLS(TODAY)
        self.assertEqual(self.expected(MemoryRule.ENFORCE), ExpectedTLS(best, enforced=True))
        self.assertEqual(self.expected(MemoryRule.WARN), ExpectedTLS(best, enforced=False))
        self.assertIsNone(self.expected(MemoryRule.OFF))

    def test_one_warning_a_day(self) -> None:
        self.memory.saw("mx.x.example", verified=False)
        self.memory.warned("mx.x.example")
        self.assertIsNone(self.expected(MemoryRule.WARN))
        self.assertIsNotNone(self.expected(MemoryRule.ENFORCE))
        self.now += DAY
        self.assertIsNotNone(self.expected(MemoryRule.WARN))

    def test_off_keeps_nothing(self) -> None:
        self.memory.settings = RelayTLS(memory=MemoryRule.OFF)
        self.memory.saw("mx.x.example", verified=False)
        self.assertIsNone(self.memory.best("mx.x.example"))

    def test_forgetting_a_host_or_a_domain(self) -> None:
        for host in ("mx1.x.example", "mx2.x.example", "mx.y.example", "xx.example"):
            self.memory.saw(host, verified=False)
        self.assertEqual(self.memory.forget("mx.y.example"), ["mx.y.example"])
        self.assertEqual(self.memory.forget("x.example"), ["mx1.x.example", "mx2.x.example"])
        self.assertEqual(self.memory.forget("x.example"), [])
        self.assertIsNotNone(self.memory.best("xx.example"))

    def test_hosts_that_were_seen_longest_ago_are_forgotten_first(self) -> None:
        self.patch(module, "MOST_HOSTS", 2)
        for host in ("a", "b"):
            self.memory.saw(host, verified=False)
        self.now += DAY
        for host in ("a", "c"):
            self.memory.saw(host, verified=False)
        self.assertEqual([host for host, _ in self.memory.everything()], ["a", "c"])


class LinesTests(SynchronousTestCase):
    @given(known)
    def test_they_come_back(self, some: list[tuple[str, BestTLS]]) -> None:
        self.assertEqual(read(written(some)), some)

    @given(st.binary(max_size=100))
    def test_any_octets_can_be_read(self, junk: bytes) -> None:
        read(junk)

    def test_lines_of_another_form_are_left_out(self) -> None:
        text = b"mx 2026-11-28 -\n\xff\nmx 2026-13-01 -\nmx\nmy 2026-11-28 2026-11-27 x\n"
        self.assertEqual(read(text), [("mx", BestTLS(TODAY))])


class FileTests(MemoryCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = self.mktemp()
        os.mkdir(self.folder)
        self.clock, self.events, self.committer = Clock(), RecordingEvents(), FakeCommitter()
        self.file = self.file_of(self.memory)

    def file_of(self, memory: TLSMemory) -> TLSMemoryFile:
        """The file of a memory."""
        return TLSMemoryFile(self.clock, here, self.committer, self.folder, memory, self.events)

    def restarted(self) -> TLSMemory:
        """The memory of the next start."""
        memory = TLSMemory(RelayTLS(), lambda: self.now)
        self.file_of(memory).start()
        return memory

    def test_written_from_time_to_time(self) -> None:
        self.file.start()
        self.memory.saw("mx.x.example", verified=True)
        self.assertEqual(os.listdir(self.folder), [])
        self.clock.advance(PERIOD)
        self.assertEqual(self.restarted().best("mx.x.example"), BestTLS(TODAY, TODAY))
        self.clock.advance(PERIOD)
        self.assertEqual(len(self.committer.done), 1)  # nothing has changed since

    def test_written_at_the_stop(self) -> None:
        self.file.start()
        self.memory.saw("mx.x.example", verified=False)
        self.successResultOf(Deferred.fromCoroutine(self.file.stop()))
        self.assertEqual(self.restarted().best("mx.x.example"), BestTLS(TODAY))

    def test_a_fault_is_logged_and_written_again(self) -> None:
        self.file.start()
        self.committer.fail = lambda change: OSError("no space")
        self.memory.saw("mx.x.example", verified=False)
        self.clock.advance(PERIOD)
        self.assertIn("no space", self.events.lines[-1])
        self.committer.fail = lambda change: None
        self.clock.advance(PERIOD)
        self.assertIsNotNone(self.restarted().best("mx.x.example"))

    def test_a_file_that_cannot_be_read(self) -> None:
        os.mkdir(os.path.join(self.folder, NAME))
        self.file.start()
        self.assertIn("begins empty", self.events.lines[-1])
