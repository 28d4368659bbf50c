"""The kind of file system that a measurement names."""

from __future__ import annotations

import io
import os
from contextlib import redirect_stderr
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from bench.place import file_system, make_place

LINE = "{number} 1 {device} / {point} rw,relatime shared:1 - {kind} /dev/loop0 rw\n"


class FileSystemTests(SynchronousTestCase):
    """The files of /proc and /sys are made up, the folder is a real one."""

    def setUp(self) -> None:
        self.root = Path(self.mktemp()).resolve()
        self.folder = self.root / "a disk"
        for name in ("proc/self", "proc/fs/jbd2", "sys/dev/block", "sys/devices/loop0"):
            (self.root / name).mkdir(parents=True)
        self.folder.mkdir()
        number = os.stat(self.folder).st_dev
        device = self.root / f"sys/dev/block/{os.major(number)}:{os.minor(number)}"
        device.symlink_to(self.root / "sys/devices/loop0")

    def kind_with(self, *mounts: tuple[str, str]) -> str:
        """The result where these kinds are mounted at these folders."""
        lines = (
            LINE.format(number=number, device="7:0", point=point.replace(" ", r"\040"), kind=kind)
            for number, (point, kind) in enumerate(mounts)
        )
        (self.root / "proc/self/mountinfo").write_text("".join(lines))
        return file_system(self.folder, self.root)

    def test_ext4_with_and_without_a_journal(self) -> None:
        mounts = (("/", "xfs"), (str(self.folder), "ext4"))
        self.assertEqual(self.kind_with(*mounts), "ext4 without a journal")
        (self.root / "proc/fs/jbd2/loop0-8").mkdir()
        self.assertEqual(self.kind_with(*mounts), "ext4 with a journal")

    def test_other_kinds_are_named_by_their_type(self) -> None:
        self.assertEqual(self.kind_with(("/", "ext4"), (str(self.folder), "btrfs")), "btrfs")

    def test_a_folder_is_not_in_a_mount_whose_name_it_only_begins_with(self) -> None:
        self.assertEqual(self.kind_with(("/", "xfs"), (str(self.folder)[:-1], "tmpfs")), "xfs")

    def test_the_last_mount_on_a_folder_counts(self) -> None:
        point = str(self.root)
        self.assertEqual(self.kind_with(("/", "xfs"), (point, "btrfs"), (point, "tmpfs")), "tmpfs")

    def test_a_place_is_open_to_other_users(self) -> None:
        with redirect_stderr(io.StringIO()):  # the warning, on some machines
            place = make_place(self.root)
        self.assertEqual(place.parent, self.root)
        self.assertEqual(place.stat().st_mode & 0o777, 0o755)
