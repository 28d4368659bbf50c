"""The calls on the real file system: short writes, names that are links, other systems."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.batch import Batch
from mailhost.durable.kinds import LARGEST_WRITE, MOST_CHUNKS
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.changes import NewFile
from mailhost.message.content import Content


class SystemTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()
        self.system = OperatingSystem()

    def new_file(self, *pieces: bytes) -> NewFile:
        """A file with this content."""
        temporary, final = str(self.folder / "temporary"), str(self.folder / "final")
        return NewFile(temporary, final, (Content(pieces),))

    def test_a_short_write_goes_on(self) -> None:
        real, calls = os.writev, list[int]()

        def short(fd: int, chunks: Sequence[bytes]) -> int:
            calls.append(len(chunks))
            return real(fd, [chunks[0][:3]])

        self.patch(os, "writev", short)
        fd = self.system.create(str(self.folder / "file"))
        self.system.write(fd, [b"abcdef", b"ghi"])
        self.system.close(fd)
        self.assertEqual(b"abcdefghi", (self.folder / "file").read_bytes())
        self.assertEqual([2], calls)

    def test_large_content_is_written_whole_in_bounded_calls(self) -> None:
        pieces = [bytes([number % 251]) * 50_000 for number in range(20)] + [b"x"] * 1200
        sizes: list[tuple[int, int]] = []
        write = self.system.write

        def noted(fd: int, chunks: Sequence[bytes]) -> None:
            sizes.append((len(chunks), sum(map(len, chunks))))
            write(fd, chunks)

        self.patch(self.system, "write", noted)
        self.assertEqual([None], Batch(self.system, [self.new_file(*pieces)], set()).run())
        self.assertEqual(b"".join(pieces), (self.folder / "final").read_bytes())
        self.assertGreater(len(sizes), 4)
        self.assertLessEqual(max(number for number, _ in sizes), MOST_CHUNKS)
        self.assertLess(max(size for _, size in sizes), LARGEST_WRITE + 50_000)

    def test_a_link_that_leads_nowhere_exists(self) -> None:
        link = self.folder / "link"
        self.assertFalse(self.system.exists(str(link)))
        link.symlink_to(self.folder / "nothing")
        self.assertTrue(self.system.exists(str(link)))

    def test_where_a_file_system_begins(self) -> None:
        self.assertTrue(self.system.is_mount("/"))
        self.assertFalse(self.system.is_mount(str(self.folder)))

    def test_other_systems_sync_each_file(self) -> None:
        self.patch(sys, "platform", "freebsd14")
        self.assertFalse(OperatingSystem().shares_syncs)
