"""The file with the lost addresses."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.clients.lost_file import LostFile
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem


class LostFileTests(SynchronousTestCase):
    def test_a_crash_that_left_the_temporary_file_stops_no_later_writing(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        file = LostFile(str(folder), BlockingCommitter(OperatingSystem()).commit)
        Path(f"{file.path}.new").write_bytes(b"half")
        file.write([])
        self.assertEqual(b"[]\n", Path(file.path).read_bytes())
        self.assertFalse(Path(f"{file.path}.new").exists())
