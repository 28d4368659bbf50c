"""The syncs of a host that is measured are slower, or are left out."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from twisted.trial.unittest import SynchronousTestCase

from bench.host import PRELOAD
from bench.preload.sitecustomize import DURABLE_WRITE, SKIP, SYNCS, VARIABLE, change
from mailhost.durable.system import OperatingSystem


class Disk:
    """Counts its syncs."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def sync(self, fd: int) -> None:
        """As that of OperatingSystem."""
        self.calls.append(fd)

    def write_durably(self, fd: int, place: int) -> int:
        """As that of OperatingSystem."""
        self.calls.append((fd, place))
        return place


class ChangeTests(SynchronousTestCase):
    """A class of each test's own is changed."""

    def setUp(self) -> None:
        self.kind = type("Changed", (Disk,), {})
        self.disk = self.kind()
        flag = getattr(os, "RWF_DSYNC", None)
        if flag is not None:
            self.addCleanup(setattr, os, "RWF_DSYNC", flag)

    def test_a_sync_takes_longer_and_is_made(self) -> None:
        change(self.kind, "20")
        begun = time.monotonic()
        self.disk.sync(3)
        self.assertEqual(self.disk.write_durably(4, 5), 5)
        self.assertGreaterEqual(time.monotonic() - begun, 0.04)
        self.assertEqual(self.disk.calls, [3, (4, 5)])

    def test_no_sync_is_made_and_a_durable_write_is_a_plain_one(self) -> None:
        change(self.kind, SKIP)
        self.disk.sync(3)
        self.disk.write_durably(4, 5)
        self.assertEqual(self.disk.calls, [(4, 5)])
        self.assertEqual(getattr(os, "RWF_DSYNC", 0), 0)

    def test_another_wish_is_refused(self) -> None:
        self.assertRaises(ValueError, change, self.kind, "fast")

    def test_all_methods_that_sync_are_known(self) -> None:
        syncs = {name for name in vars(OperatingSystem) if "sync" in name or "durabl" in name}
        methods = {name for name in syncs if callable(getattr(OperatingSystem, name))}
        self.assertLessEqual(set(SYNCS), methods)
        self.assertLessEqual(methods, {*SYNCS, DURABLE_WRITE})

    def test_python_loads_it_at_the_start(self) -> None:
        code = "from mailhost.durable.system import OperatingSystem as S; print(S.sync.__module__)"
        environment = {**os.environ, VARIABLE: SKIP, "PYTHONPATH": PRELOAD}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertEqual(done.stdout.strip(), "sitecustomize")
