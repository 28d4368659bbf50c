"""The space and the inodes of a disk."""

from __future__ import annotations

import os

from mailhost.doctor.finding import Verdict
from mailhost.doctor.host.disk import Disk, disk_of, inode_findings, space_finding
from tests.doctor.host.case import HostCase

GIGABYTE = 10**9


def disk(free: int = 50 * GIGABYTE, inodes: int = 2 * 10**6, inodes_free: int = 10**6) -> Disk:
    """A disk of 100 GB."""
    return Disk(100 * GIGABYTE, free, inodes, inodes_free)


class DiskTests(HostCase):
    def test_space(self) -> None:
        self.assert_fine([space_finding("x", disk())])
        self.only([space_finding("x", disk(3 * GIGABYTE))], "disk-space-low", Verdict.WARNING)
        self.only([space_finding("x", disk(10**7))], "disk-space-low")

    def test_inodes(self) -> None:
        self.assert_fine(inode_findings("x", disk()))
        self.assertEqual([], inode_findings("x", disk(inodes=0, inodes_free=0)))
        few = inode_findings("x", disk(inodes_free=40_000))
        self.only(few, "disk-inodes-low", Verdict.WARNING)
        self.only(inode_findings("x", disk(inodes_free=10)), "disk-inodes-low")

    def test_a_large_disk_is_not_low_below_a_twentieth(self) -> None:
        self.assertIs(Verdict.OK, Disk(10**15, 10**13, 0, 0).space)

    def test_what_the_system_says(self) -> None:
        system, found = os.statvfs(self.data), disk_of(self.data)
        self.assertEqual(system.f_blocks * system.f_frsize, found.size)
