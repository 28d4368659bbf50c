"""Changes by other programs in a watched Maildir."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

from twisted.internet.defer import succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.store.folders.directory_events import PAUSE
from mailhost.store.folders.file_watches import LOOK_AFTER, FileWatches


class Reactor(Clock):
    """Knows which descriptors are read."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Any] = []

    def addReader(self, reader: Any) -> None:
        if reader not in self.readers:
            self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        if reader in self.readers:
            self.readers.remove(reader)

    def removeWriter(self, writer: Any) -> None:
        pass

    def read(self) -> None:
        """Let descriptors be read."""
        for reader in list(self.readers):
            reader.doRead()


class FileWatchesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        in_thread = cast(Any, lambda work: succeed(work()))
        self.watches = FileWatches(cast(Any, self.reactor), in_thread)
        self.addCleanup(self.watches.stop)
        self.path = Path(self.mktemp()).absolute()
        self._make()
        self.seen: list[str] = []
        self.watches.add(str(self.path), self.changed)

    def _make(self) -> None:
        for place in ("new", "cur"):
            (self.path / place).mkdir(parents=True)

    def changed(self) -> None:
        """Count a change."""
        self.seen.append("changed")

    def test_changes_of_our_own(self) -> None:
        """They cost no events; what others change meanwhile is looked for afterwards."""
        with self.watches.paused(str(self.path)):
            (self.path / "cur" / "own").touch()
            self.reactor.read()
        self.reactor.advance(PAUSE)
        self.reactor.read()
        self.assertEqual([], self.seen)
        self.reactor.advance(LOOK_AFTER)
        self.assertEqual(["changed"], self.seen)
        (self.path / "cur" / "later").touch()
        self.reactor.read()
        self.assertEqual(["changed"] * 2, self.seen)

    def test_a_watch_that_ends_in_a_pause(self) -> None:
        with self.watches.paused(str(self.path)):
            self.watches.remove(str(self.path), self.changed)
        (self.path / "cur" / "later").touch()
        self.reactor.advance(LOOK_AFTER)
        self.reactor.read()
        self.assertEqual([], self.seen)

    def test_many_changes_are_reported_once(self) -> None:
        for number in range(1000):
            (self.path / "new" / str(number)).touch()
            os.rename(self.path / "new" / str(number), self.path / "cur" / str(number))
        self.reactor.read()
        self.assertEqual(self.seen, ["changed"])

    def test_the_next_reading_is_after_a_pause(self) -> None:
        (self.path / "new" / "one").touch()
        self.reactor.read()
        (self.path / "new" / "two").touch()
        self.reactor.read()
        self.assertEqual(len(self.seen), 1)
        self.reactor.advance(PAUSE)
        self.reactor.read()
        self.assertEqual(len(self.seen), 2)

    def test_what_overflows_the_queue_of_the_kernel_is_a_change(self) -> None:
        other = self.path.with_name(f"{self.path.name}-other")
        for place in ("new", "cur"):
            (other / place).mkdir(parents=True)
        told: list[int] = []
        self.watches.add(str(other), lambda: told.append(1))
        limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
        one, two = self.path / "cur" / "1", self.path / "cur" / "2"
        one.touch()
        for _ in range(limit // 4 + 1):
            os.rename(one, two)
            os.rename(two, one)
        self.reactor.read()
        self.assertEqual((len(self.seen), len(told)), (1, 1))

    def test_another_maildir_at_the_place_of_a_removed_one_is_watched(self) -> None:
        for place in ("new", "cur"):
            (self.path / place).rmdir()
        self._make()
        self.reactor.read()
        self.assertEqual(self.seen, ["changed"])
        self.reactor.advance(PAUSE)
        (self.path / "cur" / "one").touch()
        self.reactor.read()
        self.assertEqual(len(self.seen), 2)

    def test_a_removed_maildir_is_looked_for_now_and_then(self) -> None:
        for place in ("new", "cur"):
            (self.path / place).rmdir()
        self.reactor.read()
        self.seen.clear()
        self._make()
        self.reactor.advance(6)
        self.assertEqual(self.seen, ["changed"])

    def test_after_the_end_nothing_is_reported(self) -> None:
        self.watches.remove(str(self.path), self.changed)
        (self.path / "new" / "one").touch()
        self.reactor.read()
        self.assertEqual(self.seen, [])
